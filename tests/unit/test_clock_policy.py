"""How an organisation may run its clocks: stricter than the law, never weaker."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from engine.duties.declared import clock_specs
from engine.duties.facts import LADDER
from engine.duties.policy import ClockPolicy
from engine.kernel.errors import DataError
from engine.permissions import PEOPLE


def test_without_parameters_the_clocks_are_the_products() -> None:
    assert ClockPolicy().specs == clock_specs()
    assert ClockPolicy().reading_of("regulator-notice") == "strict"


@pytest.mark.parametrize(
    ("kind", "n"),
    [
        ("remediation", 1),  # by: less is stricter
        ("disbursement-cooling-off", 48),  # not before: more is stricter
        ("management-review-agenda", 3),  # days before: more is stricter
        ("triage", 8),  # ours, either way
        ("triage", 1),
    ],
)
def test_a_term_may_be_made_stricter_and_our_own_either_way(kind: str, n: int) -> None:
    specs = ClockPolicy(terms={kind: n}).specs
    assert specs[kind].n == n
    assert specs[kind].obligations == clock_specs()[kind].obligations
    assert {name for name in specs if specs[name] != clock_specs()[name]} == {kind}


@pytest.mark.parametrize(
    ("kind", "n"),
    [
        ("regulator-notice", 2), ("collection-stop", 4), ("disbursement-cooling-off", 23), ("retention", 4),
        ("management-review-agenda", 1),
    ],
)  # fmt: skip
def test_no_term_of_the_law_is_made_weaker(kind: str, n: int) -> None:
    with pytest.raises(DataError, match="would be weaker"):
        _ = ClockPolicy(terms={kind: n}).specs


@pytest.mark.parametrize("n", [0, -1])
def test_a_term_is_at_least_one(n: int) -> None:
    with pytest.raises(DataError, match="at least 1 business_hour"):
        _ = ClockPolicy(terms={"triage": n}).specs


@pytest.mark.parametrize("parameters", [{"terms": {"tea": 1}}, {"readings": {"tea": "civil"}}])
def test_an_unknown_clock_names_the_known_ones(parameters: dict[str, Any]) -> None:
    with pytest.raises(DataError, match=r"no clock 'tea'; known: .*regulator-notice"):
        _ = ClockPolicy(**parameters).specs


def test_a_clock_may_have_a_reading_of_its_own() -> None:
    policy = ClockPolicy(reading="civil", readings={"remediation": "strict"})
    assert (policy.reading_of("remediation"), policy.reading_of("triage")) == ("strict", "civil")


@pytest.mark.parametrize(
    "ladder",
    [
        {50: ("ciso",), 75: ("ciso",), 90: ("ciso",)},
        {**LADDER, 60: ("ciso",)},
        {**LADDER, 100: ()},
        {**LADDER, 50: ("boss",)},
    ],
    ids=["step-missing", "step-more", "breach-to-nobody", "unknown-role"],
)
def test_a_ladder_tells_known_roles_at_the_known_steps(ladder: dict[int, tuple[str, ...]]) -> None:
    with pytest.raises(DataError, match="ladder"):
        _ = ClockPolicy(ladder=ladder).specs


def test_a_step_before_the_breach_may_tell_nobody() -> None:
    assert ClockPolicy(ladder={**LADDER, 50: ()}).specs == clock_specs()
    assert {role for roles in LADDER.values() for role in roles} <= set(PEOPLE)


@pytest.mark.parametrize("parameters", [{"target_percent": 0}, {"target_percent": 101}, {"reading": "lenient"}])
def test_a_parameter_out_of_range_is_refused(parameters: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        ClockPolicy(**parameters)
