"""Exported incidents against the schemas of OCSF and of OASIS, through every phase of an incident's life."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from referencing import Registry, Resource

from engine.incidents.casework import Report
from infra.read.exchange import FORMATS, case_of, written
from infra.read.finders import load_incident
from rules.detection.pack import builtin_rules
from tests.ocsf_schema import schema
from tests.support import ANALYST, COMPLIANCE, DATA, World

CLIENT, LOAN, DEVICE = "C-104477", "L-88001", "dev-5512"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path, organisation_en="Dala Credit", organisation_bin="123456789012").people()
    yield made
    made.container.close()


def opened(world: World) -> str:
    """A forbidden change of an identifier: notifiable, with clocks and a named client."""
    world.feed(
        world.event(
            "portal.profile.change_applied", mfo__client__id=CLIENT, mfo__change__field="iin", mfo__loan__id=LOAN,
            device__id=DEVICE,
        )
    )  # fmt: skip
    return str(world.incidents()[-1]["id"])


def life(world: World) -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
    """Every phase with both records."""
    key = opened(world)

    def both(phase: str) -> tuple[str, dict[str, Any], dict[str, Any]]:
        world.work()
        case = case_of(world.container, load_incident(world.container, key))
        assert case.phase == phase
        return phase, FORMATS["ocsf"](case), FORMATS["stix"](case)

    acts = world.container.acts
    yield both("new")
    acts.acknowledge(key, by=ANALYST)
    acts.assign(key, ANALYST.id, by=ANALYST)
    yield both("triaged")
    acts.measure(key, "containment", "session of C-104477 ended", by=ANALYST)
    yield both("contained")
    for measure in ("cause", "consequence", "recovery"):
        acts.measure(key, measure, "proof 17", by=ANALYST)
    yield both("recovered")
    acts.close(key, "true_positive", "settled", by=ANALYST)
    acts.close(key, "true_positive", "agreed", by=COMPLIANCE)
    yield both("closed")


@cache
def stix_schemas() -> tuple[dict[str, dict[str, Any]], Registry[Any]]:
    with zipfile.ZipFile(DATA / "stix" / "schemas-2.1.zip") as archive:
        schemas = [json.loads(archive.read(name)) for name in archive.namelist()]
    registry: Registry[Any] = Registry().with_resources([(it["$id"], Resource.from_contents(it)) for it in schemas])
    return {it["title"]: it for it in schemas if "title" in it}, registry


def stix_faults(bundle: dict[str, Any]) -> list[str]:
    """Each object against the schema of its type (that of bundles has forgotten incidents), and that refs lead on."""
    schemas, registry = stix_schemas()
    ids = {it["id"] for it in bundle["objects"]}
    found = [] if bundle["type"] == "bundle" and bundle["id"].startswith("bundle--") else ["bundle"]
    for it in bundle["objects"]:
        errors = Draft202012Validator(schemas[it["type"]], registry=registry).iter_errors(it)
        found += [f"{it['type']}: {error.message}" for error in errors]
        refs = [it[name] for name in ("created_by_ref", "source_ref", "target_ref") if name in it]
        found += [f"{it['type']}: nothing at {ref}" for ref in refs if ref not in ids]
    return found


def test_each_phase_is_a_valid_ocsf_record(world: World) -> None:
    seen = []
    for phase, record, _ in life(world):
        assert schema("1.7.0").faults(record, "incident_finding") == [], phase
        seen.append((record["activity_name"], record["status"], record["verdict"]))
    assert seen == [
        ("Create", "New", "Unknown"), ("Update", "In Progress", "Unknown"), ("Update", "In Progress", "Unknown"),
        ("Update", "Resolved", "Unknown"), ("Close", "Closed", "True Positive"),
    ]  # fmt: skip


def test_the_check_finds_what_is_wrong(world: World) -> None:
    record = FORMATS["ocsf"](case_of(world.container, load_incident(world.container, opened(world))))
    for spoil, told in (
        ({"severity_id": 77}, "severity_id has no value 77"),
        ({"time": "now"}, "time is timestamp_t, not 'now'"),
        ({"nothing": 1}, "nothing is not known"),
        ({"finding_info_list": [{}]}, "finding_info_list[0].uid is required"),
        ({"assignee": "x"}, "assignee is an object"),
    ):
        assert told in schema("1.7.0").faults({**record, **spoil}, "incident_finding")


def test_each_phase_is_a_valid_stix_bundle(world: World) -> None:
    states = []
    ids: set[tuple[str, ...]] = set()
    for phase, _, bundle in life(world):
        assert stix_faults(bundle) == [], phase
        incident = next(it for it in bundle["objects"] if it["type"] == "incident")
        ids.add(tuple(it["id"] for it in bundle["objects"]))
        (core,) = incident["extensions"].values()
        states.append((core["investigation_status"], core["determination"]))
        assert incident["modified"] >= incident["created"]
    assert states == [
        ("new", "suspected"), ("open", "suspected"), ("open", "suspected"), ("open", "suspected"),
        ("closed", "successful-attempt"),
    ]  # fmt: skip
    assert len(ids) == 1, "a reader replaces what it had"
    broken = {**bundle, "objects": [{**it, "id": "incident--7"} for it in bundle["objects"]]}
    assert stix_faults(broken)


def test_nobody_is_named(world: World) -> None:
    key = opened(world)
    world.container.acts.note(key, f"spoke with {CLIENT}", by=ANALYST)
    incident = load_incident(world.container, key)
    assert CLIENT in incident.title
    for form in FORMATS:
        text = written(world.container, incident, form).decode()
        assert not [name for name in (CLIENT, LOAN, DEVICE) if name in text]
    record = FORMATS["ocsf"](case_of(world.container, incident))["unmapped"]["qorgau"]
    assert (record["clients"], record["loans"]) == (1, 1)
    assert {clock["kind"] for clock in record["clocks"]} >= {"regulator-notice", "client-notice"}


def test_of_many_findings_the_newest_are_listed_and_all_are_counted(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("infra.read.exchange.LISTED", 2)
    keys = {opened(world) for _ in range(4)}
    incident = load_incident(world.container, keys.pop())
    assert not keys, "they join one incident"
    record = FORMATS["ocsf"](case_of(world.container, incident))
    assert [it["uid"] for it in record["finding_info_list"]] == incident.findings[-2:]
    assert record["unmapped"]["qorgau"]["findings"] == 4


def test_techniques_of_every_rule_are_told_in_both(world: World) -> None:
    tags = {tag for rule in builtin_rules().rules.values() for tag in rule.tags}
    case = case_of(world.container, load_incident(world.container, opened(world)))
    finding = case.findings[0].model_copy(update={"tags": (*sorted(tags), "attack.g0007", "attack.t1566.002")})
    case = case.model_copy(update={"findings": (finding,)})
    record, bundle = FORMATS["ocsf"](case), FORMATS["stix"](case)
    assert schema("1.7.0").faults(record, "incident_finding") == []
    assert stix_faults(bundle) == []
    assert {"technique": {"uid": "T1566"}, "sub_technique": {"uid": "T1566.002"}} in record["attacks"]
    named = [it["name"] for it in bundle["objects"] if it["type"] == "attack-pattern"]
    assert "T1566.002" in named and len(named) == len(set(named)) == len(finding.techniques)
    assert len([it for it in bundle["objects"] if it["type"] == "relationship"]) == len(named)


def test_what_people_reported_has_no_rule_and_no_typed_title(world: World) -> None:
    told = Report(
        title=f"{CLIENT} called", incident_class="fraud", channel="hot-line", told_at=world.clock.now(),
        clients=(CLIENT,),
    )  # fmt: skip
    key = world.container.acts.report(told, by=ANALYST)
    incident = load_incident(world.container, key)
    record = json.loads(written(world.container, incident, "ocsf"))
    assert schema("1.7.0").faults(record, "incident_finding") == []
    assert record["finding_info_list"][0]["types"] == ["reported"]
    bundle = json.loads(written(world.container, incident, "stix"))
    assert stix_faults(bundle) == []
    assert CLIENT not in json.dumps([record, bundle])
