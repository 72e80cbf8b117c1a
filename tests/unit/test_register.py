"""The register of obligations, and the map of what serves each."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import resources
from typing import Any

import pytest

from engine.duties.declared import jurisdiction
from engine.governance import coverage_map as served_module
from engine.governance.coverage_map import served
from engine.governance.governance import controls, duty_specs
from engine.governance.register import builtin_register
from engine.kernel.errors import DataError, NotFound

REGISTER = builtin_register()


def test_an_obligation_cites_its_clause() -> None:
    one = next(iter(REGISTER.obligations.values()))
    assert REGISTER.citation(one.id) == f"{one.org} {one.clause}"
    assert REGISTER[one.id] is one
    assert one.id in REGISTER


def test_an_unknown_obligation_is_named() -> None:
    assert "tea" not in REGISTER
    with pytest.raises(NotFound, match="'tea' is not in the register"):
        REGISTER.citation("tea")


def test_the_obligations_of_an_event_are_those_that_name_it() -> None:
    one = next(it for it in REGISTER.obligations.values() if it.triggers)
    found = REGISTER.using_event(one.triggers[0])
    assert one.id in found
    for name in found:
        assert one.triggers[0] in (*REGISTER[name].triggers, *REGISTER[name].proof)
    assert REGISTER.using_event("no.such.event") == ()


def test_every_obligation_comes_from_a_known_document() -> None:
    assert {it.src for it in REGISTER.obligations.values()} <= REGISTER.sources.keys()
    assert all(it.text and it.kind for it in REGISTER.obligations.values())


def test_the_map_names_what_serves_and_nothing_that_is_not_there() -> None:
    found = served()
    for by in (found.by_things, found.by_clocks, found.by_duties):
        assert by
        assert all(key in REGISTER for key in by)
    assert {name for names in found.by_things.values() for name in names} <= found.things.keys()
    assert {name for names in found.by_clocks.values() for name in names} <= jurisdiction().newest().keys()
    assert all(key in REGISTER for control in controls().values() for key in control.obligations)
    assert {name for names in found.by_duties.values() for name in names} <= duty_specs().keys()


def test_a_clock_serves_exactly_its_obligations_and_one_that_is_only_counted_serves_none() -> None:
    for kind, spec in jurisdiction().newest().items():
        mine = {key for key, names in served().by_clocks.items() if kind in names}
        assert mine == (set() if spec.counted_only else set(spec.obligations))


@pytest.fixture
def _fresh() -> Iterator[None]:
    served.cache_clear()
    yield
    served.cache_clear()


@pytest.mark.usefixtures("_fresh")
@pytest.mark.parametrize("entry", ["tea: [ledger]", "{known}: [no-such-thing]"])
def test_a_map_that_names_what_is_not_there_is_refused(monkeypatch: pytest.MonkeyPatch, entry: str) -> None:
    known = next(iter(REGISTER.obligations))
    document: dict[str, Any] = {
        "things": {"ledger": {"title": "t", "where": "w"}},
        "served": {entry.partition(":")[0].replace("{known}", known): [entry.partition("[")[2].strip("]")]},
    }
    monkeypatch.setattr(served_module, "read_yaml", lambda _: document)
    with pytest.raises(DataError, match="does not exist"):
        served()


def test_the_data_of_the_product_travel_with_it() -> None:
    names = {entry.name for entry in (resources.files("engine") / "data").iterdir()}
    assert {"kz", "eu", "served.yml", "controls.yml", "events.yml"} <= names
