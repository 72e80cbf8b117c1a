"""Batches are split, instants are read, errors name their place, entities are gathered; nothing is guessed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from engine.events.envelope import split_batch
from engine.kernel.errors import DecisionRefused, InputError
from engine.kernel.facts import Entities, Person
from engine.kernel.ids import derive
from engine.kernel.timestamps import NotAnInstant, Window, iso, parse_rfc3339
from tests.support import MONDAY


@pytest.mark.parametrize(
    ("body", "parts"),
    [
        (b"", []),
        (b"\n \r\n{}\r\n", [(3, b"{}")]),
        (b"{}\n{}", [(1, b"{}"), (2, b"{}")]),
        (b"[]", []),
        (b" [1, 2] \n", [(1, b"1"), (2, b"2")]),
        (b'[{"a": [1, 2]}, "]", "\\"]"]', [(1, b'{"a": [1, 2]}'), (2, b'"]"'), (3, b'"\\"]"')]),
        (b"[1,]", [(1, b"1"), (2, b"")]),
        (b"[1, 2", [(1, b"[1, 2")]),
        (b'["open', [(1, b'["open')]),
        (b"[1] tail", [(1, b"[1] tail")]),
    ],
)
def test_a_body_is_split_or_given_whole(body: bytes, parts: list[tuple[int, bytes]]) -> None:
    assert list(split_batch(body)) == parts


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("2026-11-23T10:00:00+05:00", datetime(2026, 11, 23, 5, tzinfo=UTC)),
        ("2026-11-23t05:00:00z", datetime(2026, 11, 23, 5, tzinfo=UTC)),
        ("2026-11-23 05:00:00Z", datetime(2026, 11, 23, 5, tzinfo=UTC)),
        ("2026-11-23T05:00:00.123456789Z", datetime(2026, 11, 23, 5, 0, 0, 123456, tzinfo=UTC)),
    ],
)
def test_an_instant_is_read_in_utc(text: str, at: datetime) -> None:
    assert parse_rfc3339(text) == at
    assert parse_rfc3339(text).utcoffset() == timedelta(0)


@pytest.mark.parametrize(
    ("text", "flag"),
    [
        (None, "time-missing"), ("", "time-missing"), (7, "time-invalid"), ("yesterday", "time-invalid"),
        ("2026-11-23T10:00:00", "time-no-zone"), ("2026-11-23 10:00:00.5", "time-no-zone"),
        ("2026-13-23T10:00:00Z", "time-invalid"), ("2026-11-23T25:00:00Z", "time-invalid"),
        ("0001-01-01T00:00:00+05:00", "time-out-of-range"), ("2026-11-23", "time-invalid"),
    ],
)  # fmt: skip
def test_what_names_no_single_instant_says_why(text: Any, flag: str) -> None:
    with pytest.raises(NotAnInstant) as caught:
        parse_rfc3339(text)
    assert caught.value.flag == flag


@pytest.mark.parametrize(
    ("offset", "believed", "flag"),
    [
        (timedelta(minutes=5), True, None), (timedelta(minutes=5, seconds=1), True, "time-ahead"),
        (timedelta(hours=24), True, "time-ahead"), (timedelta(hours=24, seconds=1), False, "time-out-of-range"),
        (timedelta(days=-3653), True, None), (timedelta(days=-3653, seconds=-1), False, "time-out-of-range"),
    ],
)  # fmt: skip
def test_a_source_is_believed_within_a_span(offset: timedelta, believed: bool, flag: str | None) -> None:
    at = MONDAY + offset
    assert Window(MONDAY).place(at.isoformat()) == (at if believed else MONDAY, flag)


def test_an_instant_that_is_none_is_replaced_by_that_of_receipt() -> None:
    assert Window(MONDAY).place("2026-11-23T10:00:00") == (MONDAY, "time-no-zone")


@given(st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1)), st.datetimes(datetime(1900, 1, 1)))  # noqa: DTZ001
def test_written_instants_sort_like_instants(one: datetime, other: datetime) -> None:
    first, second = one.replace(tzinfo=UTC), other.replace(tzinfo=UTC)
    assert (iso(first) < iso(second)) == (first < second)
    assert parse_rfc3339(iso(first)) == first


@pytest.mark.parametrize(
    ("where", "text"),
    [
        ({}, "bad"), ({"field": "f"}, "field 'f': bad"), ({"file": "a.yml"}, "a.yml: bad"),
        ({"file": "a.yml", "line": 3, "field": "f"}, "a.yml:3: field 'f': bad"),
    ],
)  # fmt: skip
def test_an_input_error_says_where(where: dict[str, Any], text: str) -> None:
    assert str(InputError("bad", **where)) == text


def test_an_error_has_the_code_of_its_kind_or_its_own() -> None:
    assert (InputError("x").code, InputError("x", code="mine").code) == ("input.invalid", "mine")
    assert DecisionRefused("x").code == "decision.refused"


@given(st.lists(st.sampled_from("abc")), st.lists(st.sampled_from("abc")))
def test_entities_are_gathered_first_seen_first(one: list[str], other: list[str]) -> None:
    both = Entities(clients=tuple(one)).union(Entities(clients=tuple(other), loans=("l",)))
    assert both.clients == tuple(dict.fromkeys([*one, *other]))
    assert both.loans == ("l",)


def test_a_fact_takes_no_field_it_does_not_know() -> None:
    with pytest.raises(ValidationError):
        Entities(clients=(), shoes=())  # type: ignore[call-arg]


def test_a_person_may_what_one_of_the_roles_may() -> None:
    person = Person(id="x", roles=frozenset({"a", "b"}))
    assert person.may("b", "c")
    assert not person.may("c")
    assert not Person(id="x").may("a")


@given(st.lists(st.text("ab", max_size=3), min_size=1, max_size=3), st.lists(st.text("ab", max_size=3), max_size=3))
def test_an_id_stands_for_exactly_its_parts(one: list[str], other: list[str]) -> None:
    assert (derive("k", *one) == derive("k", *other)) == (one == other)
    assert derive("k", *one) != derive("m", *one)
