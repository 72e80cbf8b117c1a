"""Values that are not what the catalogue says are flagged, and the event is kept."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from engine.events import values
from engine.events.catalogue import Catalogue, FieldSpec
from engine.events.envelope import SecurityEvent
from engine.events.parser import EventParser
from engine.events.values import check_numbers, check_typed, shape_of
from tests.support import MONDAY

TD3 = "P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<\nL898902C36UTO7408122F1204159ZE184226B<<<<<10"


@pytest.mark.parametrize(
    ("kind", "value", "flags", "kept"),
    [
        ("iin", "850101300005", [], "850101300005"),
        ("iin", "850101300006", ["iin-check-digit"], "850101300006"),
        ("iin", 850101300005, ["iin-shape"], 850101300005),
        ("phone", "8 (701) 123-45-67", [], "+77011234567"),
        ("phone", "+77991234567", ["phone-plan"], "+77991234567"),
        ("phone", "+4930123456", ["phone-country"], "+4930123456"),
        ("account", "kz86 125K ZT50 0410 0100", [], "KZ86125KZT5004100100"),
        ("account", "KZ87125KZT5004100100", ["iban-check-digits"], "KZ87125KZT5004100100"),
        ("account", "DE89370400440532013000", [], "DE89370400440532013000"),
        ("account", 7, [], 7),
        ("mrz", TD3, [], TD3),
        ("mrz", TD3.replace("L898902C36", "L898902C37"), ["mrz-document-number"], None),
        ("number", 7, [], 7),
        ("number", "7", ["type-mismatch"], "7"),
        ("number", True, ["type-mismatch"], True),
        ("boolean", False, [], False),
        ("boolean", "false", ["type-mismatch"], "false"),
        ("date", "2026-11-23", [], "2026-11-23"),
        ("date", "2026-11-23T10:00:00+05:00", [], "2026-11-23T10:00:00+05:00"),
        ("date", "2026-13-23", ["type-mismatch"], "2026-13-23"),
        ("date", "yesterday", ["type-mismatch"], "yesterday"),
        ("date", 7, ["type-mismatch"], 7),
        ("keyword", "850101300006", [], "850101300006"),
    ],
)
def test_a_value_is_checked_by_its_type(kind: str, value: Any, flags: list[str], kept: Any) -> None:
    found: list[str] = []
    fields = {"f": value}
    check_typed("f", FieldSpec(type=kind), value, fields, found)
    assert found == flags
    assert kept is None or fields == {"f": kept}


@pytest.mark.parametrize(
    ("value", "flagged"),
    [
        (2**63 - 1, False), (2**63, True), (-(2**63), False), (-(2**63) - 1, True), (1e18, False), (1e19, True),
        (-float(2**63), True), (0, False),
    ],
)  # fmt: skip
def test_a_number_fits_into_sixty_four_bits_or_is_flagged(value: float, flagged: bool) -> None:
    flags: list[str] = []
    check_numbers({"f": value}, ("f",), flags)
    assert flags == (["number-range"] if flagged else [])


def catalogue() -> Catalogue:
    fields = "fields: {mfo.n: {type: number}, mfo.iin: {type: iin, personal: true}, mfo.k: {type: keyword}}"
    event = "{action: a.b, source: s, category: c, type: t, fields: [mfo.n, mfo.iin]}"
    return Catalogue.from_yaml(f"events: [{event}]", fields)


ENVELOPE = {"event.id": "e", "event.action": "a.b", "@timestamp": "2026-11-23T05:00:00Z"}


def key(**fields: Any) -> Any:
    document = {**ENVELOPE, **fields}
    return tuple(document), tuple(map(type, document.values()))


def test_a_shape_says_which_values_are_looked_into() -> None:
    shape = shape_of(key(**{"mfo.n": 1, "mfo.iin": "x", "mfo.k": "y"}), catalogue())
    assert [name for name, _ in shape.checks] == ["mfo.iin"]
    assert (shape.numbers, shape.lists, shape.plain, shape.flat) == (("mfo.n",), (), True, True)
    assert shape.personal == ("mfo.iin",)


@pytest.mark.parametrize(
    ("fields", "looked_into"),
    [({"mfo.n": "1"}, ["mfo.n"]), ({"mfo.n": True}, ["mfo.n"]), ({"mfo.n": 1.5}, []), ({"mfo.n": None}, [])],
)
def test_a_number_of_another_type_is_looked_into(fields: dict[str, Any], looked_into: list[str]) -> None:
    assert [name for name, _ in shape_of(key(**fields), catalogue()).checks] == looked_into


@pytest.mark.parametrize(
    ("fields", "plain"),
    [
        ({}, True),
        ({"mfo.k": {"a": 1}}, False),
        ({"weather": "rain"}, False),
        ({" ": "x"}, False),
        ({"event.id": 7}, False),
        ({f"mfo.f{n}": 1 for n in range(498)}, False),
    ],
    ids=["envelope", "object", "unknown-root", "empty-name", "id-no-text", "many"],
)
def test_a_plain_shape_needs_no_ordering(fields: dict[str, Any], plain: bool) -> None:
    assert shape_of(key(**fields), catalogue()).plain is plain


def test_a_field_that_nobody_described_might_be_personal() -> None:
    assert shape_of(key(**{"mfo.new": "x"}), catalogue()).personal == ("mfo.new",)


def test_shapes_are_remembered_and_forgotten_when_there_are_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(values, "MAX_SHAPES", 2)
    known = catalogue()
    for name in ("mfo.a", "mfo.b", "mfo.c"):
        shape_of(key(**{name: 1}), known)
    assert len(known.shapes) == 1
    assert key(**{"mfo.c": 1}) in known.shapes


def test_one_faulty_value_is_flagged_once_however_often_it_stands() -> None:
    raw = orjson.dumps({**ENVELOPE, "mfo.n": "x", "mfo.iin": "850101300006"})
    read = EventParser(catalogue(), "s", MONDAY).read(raw)
    assert isinstance(read, SecurityEvent)
    assert read.flags == ("type-mismatch", "iin-check-digit")
