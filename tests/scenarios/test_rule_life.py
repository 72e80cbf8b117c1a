"""A rule is changed while the stream goes on: by two persons, tested, in shadow first, and undone at once."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml

from engine.kernel.errors import DecisionRefused, InputError, NotAllowed, SecondPersonNeeded
from infra.commands.rulebook import Rulebook
from tests.support import ANALYST, AUDITOR, CISO, COMPLIANCE, FRAUD, World

STUFFING = "credential-stuffing"


def failed_logins(world: World, count: int, address: str = "203.0.113.9", start: int = 0) -> None:
    world.feed(
        *(
            world.event(
                "portal.login.failed", source__ip=address, mfo__client__id=f"c-{i}", event__reason="bad_password"
            )
            for i in range(start, start + count)
        )
    )


def tuned(world: World, **values: Any) -> str:
    _, version = world.container.rule_acts.tune(STUFFING, values, "fewer will do", by=FRAUD)
    world.container.rule_acts.test(STUFFING, version, by=FRAUD)
    return version


def approved(world: World, **values: Any) -> str:
    version = tuned(world, **values)
    world.container.rule_acts.propose(STUFFING, version, "seen in an attack", by=FRAUD)
    world.container.rule_acts.approve(STUFFING, version, "agreed", by=COMPLIANCE)
    return version


def parameter(world: World) -> tuple[str, int]:
    """The parameter of the stuffing rule, and its default."""
    meta = world.container.rules.by_reference[STUFFING].meta
    assert meta is not None
    name = next(iter(meta.parameters))
    return name, int(meta.parameters[name].default)


def titles(world: World) -> list[str]:
    return sorted(row["dedup_key"].split("|")[0] for row in world.incidents())


def applicant(number: int) -> dict[str, str]:
    """One of several people on one device."""
    iin = ("850101300005", "900101400012", "900202400012", "910303300011")[number]
    return {
        "device__id": "d-1", "mfo__client__iin": iin, "mfo__client__name": f"Applicant {number}",
        "mfo__client__phone": f"+7701000000{number}",
    }  # fmt: skip


def test_a_threshold_is_lowered_while_the_stream_runs_and_what_was_counted_stays(world: World) -> None:
    name, default = parameter(world)
    # Another correlation has counted half of what it needs.
    for i in range(2):
        world.feed(world.event("portal.application.submitted", **applicant(i)))
    failed_logins(world, default - 2)
    assert titles(world) == []
    version = approved(world, **{name: default - 4})
    world.container.rule_acts.activate(STUFFING, version, "active", "go", by=FRAUD)
    failed_logins(world, default - 4, "203.0.113.50", 100)
    assert titles(world) == [STUFFING], "the new threshold is in force without a restart"
    again = world.restart()
    failed_logins(again, default - 4, "203.0.113.51", 200)
    assert titles(again) == [STUFFING, STUFFING], "and after one"
    for i in range(2, 4):
        again.feed(again.event("portal.application.submitted", **applicant(i)))
    assert titles(again) == [STUFFING, STUFFING, "device-farm"], "the windows of other rules lived through both"
    assert again.container.rule_acts.roll_back(STUFFING, "too many", by=FRAUD) == version, "it detects less"
    assert again.container.rule_acts.roll_back(STUFFING, "too many", by=CISO) == "product"
    failed_logins(again, default - 2, "203.0.113.52", 300)
    assert titles(again) == [STUFFING, STUFFING, "device-farm"], "rolled back at once"
    again.whole()
    again.container.close()


def test_a_version_in_shadow_opens_nothing_and_is_counted(world: World) -> None:
    name, default = parameter(world)
    version = approved(world, **{name: default - 4})
    world.container.rule_acts.activate(STUFFING, version, "shadow", "watch first", by=FRAUD)
    failed_logins(world, default - 3)
    assert titles(world) == []
    rows = world.rows("SELECT state FROM decisions WHERE topic = 'finding.shadowed.v1'")
    shown = [json.loads(bytes(row["state"])) for row in rows]
    assert [body["rule_name"] for body in shown] == [STUFFING]
    failed_logins(world, 8, start=50)
    assert titles(world) == [STUFFING], "the version in force goes on beside it"


def test_nobody_puts_a_version_into_force_alone_untested_or_without_right(world: World) -> None:
    acts = world.container.rule_acts
    name, default = parameter(world)
    with pytest.raises(InputError, match="outside"):
        acts.tune(STUFFING, {name: 10_000_000}, "x", by=FRAUD)
    with pytest.raises(NotAllowed):
        acts.tune(STUFFING, {name: default - 1}, "x", by=AUDITOR)
    _, version = acts.tune(STUFFING, {name: default - 1}, "x", by=FRAUD)
    with pytest.raises(DecisionRefused, match="tests hold"):
        acts.propose(STUFFING, version, "x", by=FRAUD)
    acts.test(STUFFING, version, by=FRAUD)
    acts.propose(STUFFING, version, "x", by=ANALYST)
    with pytest.raises(DecisionRefused, match="another person approved"):
        acts.activate(STUFFING, version, "active", "x", by=FRAUD)
    for person in (FRAUD, ANALYST):
        with pytest.raises((SecondPersonNeeded, NotAllowed)):
            acts.approve(STUFFING, version, "x", by=person)
    acts.approve(STUFFING, version, "x", by=CISO)


def test_a_version_whose_tests_fail_or_that_does_not_load_goes_no_further(world: World) -> None:
    acts = world.container.rule_acts
    document = acts.document("iin-immutable")
    document["detection"]["sel"]["mfo.change.field"] = "phone"
    _, version = acts.draft(yaml.safe_dump(document, sort_keys=False), "weaker", by=FRAUD)
    assert any(not result.passed for result in acts.test("iin-immutable", version, by=FRAUD))
    with pytest.raises(DecisionRefused):
        acts.propose("iin-immutable", version, "x", by=FRAUD)
    document["detection"]["condition"] = "nothing"
    with pytest.raises(InputError, match="nothing"):
        acts.draft(yaml.safe_dump(document, sort_keys=False), "broken", by=FRAUD)


def test_a_rule_goes_out_of_force_by_two_persons_and_not_while_others_need_it(world: World) -> None:
    acts = world.container.rule_acts
    assert acts.retire("iin-immutable", "the register refuses it", by=FRAUD) is False
    with pytest.raises(SecondPersonNeeded):
        acts.retire("iin-immutable", "again", by=FRAUD)
    change = {"mfo__client__id": "c-1", "mfo__change__field": "iin"}
    world.feed(world.event("portal.profile.change_applied", **change))
    assert len(titles(world)) == 1
    assert acts.retire("iin-immutable", "agreed", by=CISO) is True
    world.feed(world.event("portal.profile.change_applied", **{**change, "mfo__client__id": "c-2"}))
    assert len(titles(world)) == 1
    with pytest.raises(DecisionRefused, match="need it"):
        acts.retire("failed-login", "x", by=FRAUD)


def test_what_strengthens_a_list_is_in_force_at_once_and_what_weakens_it_takes_two(world: World) -> None:
    acts = world.container.rule_acts
    name, default = parameter(world)
    tuned(world, **{name: default - 1})  # running the tests of a version leaves the lists in force alone

    def pays(account: str) -> list[str]:
        world.feed(
            world.event("loan.account_ownership_verified", mfo__loan__id=f"L-{world.count}", mfo__outcome="match"),
            world.event(
                "loan.disbursement.requested",
                mfo__loan__id=f"L-{world.count}",
                mfo__client__id=f"c-{world.count}",
                mfo__payout__account_hash=account,
            ),
        )
        return titles(world)

    assert pays("sha256:mule-9") == []
    assert acts.change_list("deny_accounts", ["SHA256:mule-9"], [], "from the police", by=FRAUD) is True
    assert pays("sha256:mule-9") == ["listed-payout"]
    assert acts.change_list("allow_accounts", ["sha256:mule-9"], [], "a mistake", by=FRAUD) is False
    with pytest.raises(SecondPersonNeeded):
        acts.decide_list("allow_accounts", agreed=True, reason="mine", by=FRAUD)
    acts.decide_list("allow_accounts", agreed=True, reason="agreed", by=COMPLIANCE)
    pays("sha256:mule-9")
    findings = [
        json.loads(bytes(row["state"]))
        for row in world.rows("SELECT state FROM decisions WHERE topic = ?", "finding.raised.v1")
    ]
    assert [body["rule_name"] for body in findings].count("listed-payout") == 1
    stored = b"".join(bytes(r["state"]) for r in world.rows("SELECT state FROM decisions WHERE topic LIKE 'list.%'"))
    stored += b"".join(bytes(row["state"]) for row in world.rows("SELECT state FROM list_entries"))
    assert b"mule-9" not in stored, "entries are nowhere in the clear"


def test_another_process_sees_a_change(world: World) -> None:
    other = Rulebook(world.container.decisions, world.container.store.vault, {})
    before = other.current()
    name, default = parameter(world)
    version = approved(world, **{name: default - 1})
    assert other.current() is before
    world.container.rule_acts.activate(STUFFING, version, "active", "go", by=FRAUD)
    assert other.current() is not before
    assert other.current().by_reference[STUFFING].file.startswith("rulebook:")
