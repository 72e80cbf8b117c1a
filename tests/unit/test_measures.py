"""Measures, counting contexts and shares: what rules read that Sigma cannot say."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from rules.detection.context import Context, ContextMemory, ContextState
from rules.detection.measures import Measure
from rules.language.model import Correlation
from rules.quality.measure import judge, surely_over

T0 = 1_763_000_000.0
GOOD = ["IDKAZ0123456784850101300005<<<", "8501019M3501014KAZ<<<<<<<<<<<7", "SYNTHETIC<<PERSON<<<<<<<<<<<<<"]


def measured(kind: str, of: tuple[str, ...], event: dict[str, Any], **more: Any) -> Any:
    return Measure(name="m", on=("a",), kind=kind, of=of, **more).value(event, T0)  # type: ignore[arg-type]


def test_instants_are_subtracted_and_what_is_no_instant_says_nothing() -> None:
    at = "2025-11-13T07:13:20+05:00"
    assert measured("seconds_to", ("f",), {"f": "2025-11-13T02:14:20Z"}) == pytest.approx(60.0)
    assert measured("seconds_since", ("f",), {"f": at}) == pytest.approx(0.0)
    for value in (None, "", "soon", "2025-11-13T02:14:20", 7, ["x"]):
        assert measured("seconds_to", ("f",), {"f": value}) is None
    assert measured("seconds_to", ("f",), {"f": "2025-11-13"}) > 0, "a plain day ends with its last second"


def test_check_digits_are_counted_here() -> None:
    assert measured("mrz_fault", ("f",), {"f": GOOD}) == "none"
    assert measured("mrz_fault", ("f",), {"f": [GOOD[0].replace("784", "789"), *GOOD[1:]]}).startswith("mrz-")
    assert measured("mrz_fault", ("f",), {"f": ["x"]}) == "mrz-shape"
    assert measured("iin_fault", ("f",), {"f": "850101300005"}) == "none"
    assert measured("iin_fault", ("f",), {"f": "850101300006"}) == "iin-check-digit"
    assert measured("mrz_other_iin", ("f", "g"), {"f": GOOD, "g": "850101300005"}) is False
    assert measured("mrz_other_iin", ("f", "g"), {"f": GOOD, "g": "900101400012"}) is True
    assert measured("mrz_other_iin", ("f", "g"), {"f": GOOD}) is None
    assert measured("mrz_other_iin", ("f", "g"), {"f": ["x"], "g": "900101400012"}) is None


def test_keys_are_joined_and_values_counted() -> None:
    assert measured("joined", ("f", "g"), {"f": "L1", "g": "H"}) == "l1\x1fh"
    assert measured("joined", ("f", "g"), {"f": "L1"}) is None
    assert measured("count_of", ("f",), {"f": ["a", "b", "a"]}) == 2
    assert measured("count_of", ("f",), {"f": "a"}) == 1
    assert measured("percent", ("f",), {"f": "Failed"}, values=("failed",)) == 100.0
    assert measured("percent", ("f",), {"f": "passed"}, values=("failed",)) == 0.0


def test_a_measure_that_lacks_fields_or_values_does_not_load() -> None:
    for kind, of, values in (("mrz_other_iin", ("f",), ()), ("seconds_to", ("f", "g"), ()), ("percent", ("f",), ())):
        with pytest.raises(ValidationError):
            Measure(name="m", on=("a",), kind=kind, of=of, values=values)  # type: ignore[arg-type]


def test_a_context_counts_until_it_is_forgotten_or_too_old() -> None:
    state = ContextState(
        Context(name="c", on=("a",), key="k", values={"n": "@count"}, ttl_s=100, attach_to=("a",), attach={"x": "n"})
    )
    for step in (1, 2, 3):
        assert state.next("u", T0 + step) == step
        state.remember("u", (T0 + step, step))
    assert state.next("u", T0 + 200) == 1
    state.forget("u")
    assert state.next("u", T0 + 4) == 1


def test_what_is_known_of_an_event_reads_measures_and_contexts_in_their_order() -> None:
    memory = ContextMemory([
        Measure(name="mfo.context.key", on=("a", "b"), kind="joined", of=("f", "g")),
        Context(name="c", on=("a",), key=("mfo.context.key", "h"), values={"v": "v"}, attach_to=("b",),
                attach={"mfo.context.v": "v", "mfo.context.seen": "present"}),
    ])  # fmt: skip
    memory.states["c"].remember(("1\x1f2", "z"), (T0, "found"))
    known = memory.known({"event.action": "b", "f": "1", "g": "2"}, T0 + 1)
    assert known == {"mfo.context.key": "1\x1f2", "mfo.context.v": "found", "mfo.context.seen": True}
    assert memory.known({"event.action": "b", "h": "z"}, T0 + 1)["mfo.context.v"] == "found"
    assert memory.known({"event.action": "b", "h": "y"}, T0 + 1) == {"mfo.context.seen": False}


SHARE = Correlation(type="value_avg", rules=("r",), group_by=("g",), window_s=3600, op="gt", count=5, share=20)


@pytest.mark.parametrize(
    ("failed", "of", "at_once", "in_the_end"),
    [(10, 20, True, True), (1, 20, False, False), (2, 26, False, True), (2, 40, False, False), (5, 100, False, False),
     (6, 100, False, True), (19, 19, False, False), (30, 100, True, True)],
)  # fmt: skip
def test_a_share_is_told_early_only_where_chance_cannot_explain_it(
    failed: int, of: int, at_once: bool, in_the_end: bool
) -> None:
    window = [(T0 + n, n, 100.0 if n < failed else 0.0) for n in range(of)]
    assert surely_over(SHARE, window) is at_once
    assert judge(SHARE, window) is in_the_end
