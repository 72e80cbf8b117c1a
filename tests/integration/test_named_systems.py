"""docs/systems.md is true: every example goes through the real door and finds what the page says it finds."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml
from fastapi.testclient import TestClient
from jsonschema import Draft202012Validator
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from engine.containment.facts import CLAUSES as CONTAINMENTS
from engine.events.catalogue import builtin_catalogue
from engine.kernel.facts import FindingRaised
from engine.protection.facts import SYSTEM_OF_ORDER
from infra.inbound.syslog.landing import Landing, Received
from infra.lab.reference.answers import ANSWERS
from infra.lab.reference.asyncapi import printed
from infra.lab.reference.named import OTHERS, SYSTEMS, events_of, system_of
from infra.store.models.duties import ClockRow
from infra.web.app import create_app
from tests.support import World

DOCS = Path(__file__).parents[2] / "docs"
EXAMPLES = DOCS / "examples" / "systems"
ASYNCAPI = DOCS / "api" / "events.asyncapi.yaml"
CATALOGUE = builtin_catalogue()
TOLD: dict[str, Any] = yaml.safe_load(ASYNCAPI.read_text(encoding="utf8"))
BESIDE = {
    "afc": {"loan.disbursement.requested"},
    "signature-centre": {"loan.contract.signed"},
    "loans": {"loan.disbursement.executed"},
}
"""Events of another system that an example needs to find something."""
_CODE = re.compile(r"`([^`]+)`")


class Row(NamedTuple):
    """One line of the table."""

    id: str
    sends: list[str]
    examples: list[Path]
    finds: list[str]
    clocks: list[str]
    takes: set[str]


def rows() -> Iterator[Row]:
    """The lines of the table of systems."""
    for line in (DOCS / "systems.md").read_text(encoding="utf8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split(" | ")]
        if len(cells) == 7 and cells[0].startswith("`"):
            finds, _, clocks = cells[4].partition("clock")
            files = [DOCS / link for link in re.findall(r"\]\(([^)]+)\)", cells[3])]
            named = _CODE.findall(cells[0])[0], _CODE.findall(cells[1]), files
            yield Row(*named, _CODE.findall(finds), _CODE.findall(clocks), set(_CODE.findall(cells[5])))


ROWS = list(rows())
FILES = [(row, file) for row in ROWS for file in row.examples]


def test_the_page_has_every_system_and_every_example() -> None:
    assert [row.id for row in ROWS] == [it.id for it in SYSTEMS]
    assert len(ROWS) == 21
    assert {file for _, file in FILES} == set(EXAMPLES.iterdir())


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_the_page_names_what_a_system_sends(row: Row) -> None:
    (system,) = [it for it in SYSTEMS if it.id == row.id]
    sent = {event.action for event in events_of(system, CATALOGUE.events.values())}
    assert {it for it in sent if not any(fnmatchcase(it, pattern) for pattern in row.sends)} == set()
    assert [pattern for pattern in row.sends if not any(fnmatchcase(it, pattern) for it in sent)] == []


def test_the_page_names_every_order_at_one_who_takes_it() -> None:
    orders = {*SYSTEM_OF_ORDER, *CONTAINMENTS, "access-release", "payout-release"}
    taken = {order for row in ROWS for order in row.takes}
    assert taken == orders


def test_the_page_names_every_way_to_answer() -> None:
    text = (DOCS / "systems.md").read_text(encoding="utf8").partition("| HOW |")[2]
    assert {word for line in text.splitlines() for word in _CODE.findall(line.split(" | ")[0])} >= set(ANSWERS)


def given(file: Path, world: World, source: str) -> None:
    """Hand an example in by its own door: HTTP, or syslog."""
    container = world.container
    if file.suffix == ".ndjson":
        container.intake.start()
        web = TestClient(create_app(container), base_url="http://127.0.0.1")
        token = {"Authorization": f"Bearer {container.accounts.new_source(source)}"}
        answer = web.post("/api/v1/events", content=file.read_bytes(), headers=token)
        container.intake.stop()
        taken = answer.json()
    else:
        landing = Landing(container.ledger, container.catalogue, world.clock, source, keep_unknown_types=False)
        taken = landing.store([Received(line) for line in file.read_bytes().splitlines()]).model_dump()
    lines = len(file.read_bytes().splitlines())
    assert (taken["accepted"], taken["rejected"], taken["flagged"]) == (lines, 0, 0), (taken, world.letters())
    world.work()


@pytest.mark.parametrize(("row", "file"), FILES, ids=[file.name for _, file in FILES])
def test_an_example_is_taken_and_found(world: World, row: Row, file: Path) -> None:
    given(file, world, row.id)
    events = list(world.container.ledger.read(0, 100))
    sent = {event.action for event in events if event.source == row.id} - BESIDE.get(row.id, set())
    assert {system_of(CATALOGUE.events[action]).id for action in sent} == {row.id}
    facts = [it.fact for it in world.container.decisions.read(0, 10_000)]
    found = {fact.rule_name for fact in facts if isinstance(fact, FindingRaised)}
    assert set(row.finds) <= found
    assert set(row.clocks) <= {clock.kind for clock in world.held(ClockRow)}
    assert row.finds or row.clocks


def test_the_asyncapi_document_is_that_of_the_catalogue() -> None:
    assert ASYNCAPI.read_text(encoding="utf8") == printed(CATALOGUE)


def test_the_asyncapi_document_is_whole() -> None:
    assert TOLD["asyncapi"] == "3.0.0"
    assert set(TOLD["channels"]) == {it.id for it in (*SYSTEMS, OTHERS)}
    told = [name for channel in TOLD["channels"].values() for name in channel["messages"]]
    engine = {it.action for it in CATALOGUE.events.values() if it.source in ("engine", "qorgau")}
    assert sorted(told) == sorted(set(CATALOGUE.events) - engine)
    for name, message in TOLD["components"]["messages"].items():
        Draft202012Validator.check_schema(message["payload"])
        assert faults({"@timestamp": "x", "event.id": "x", "event.action": f"not.{name}"}, name) != []


def faults(event: dict[str, Any], action: str) -> list[str]:
    """What is wrong with an event by the document."""
    registry: Registry[Any] = Registry().with_resource("urn:events", DRAFT202012.create_resource(TOLD))
    schema = {"$ref": f"urn:events#/components/messages/{action}/payload"}
    return [it.message for it in Draft202012Validator(schema, registry=registry).iter_errors(event)]


@pytest.mark.parametrize("action", list(TOLD["components"]["messages"]))
def test_the_examples_of_the_catalogue_are_as_the_document_says(action: str) -> None:
    assert faults(CATALOGUE.example(action), action) == []


@pytest.mark.parametrize("file", sorted(EXAMPLES.glob("*.ndjson")), ids=lambda file: file.stem)
def test_the_examples_of_systems_are_as_the_document_says(file: Path) -> None:
    for line in file.read_bytes().splitlines():
        event = json.loads(line)
        if "type" in event:
            event = {
                "@timestamp": event["time"],
                "event.id": event["id"],
                "event.action": event["type"],
                **event["data"],
            }
        assert faults(event, event["event.action"]) == []
