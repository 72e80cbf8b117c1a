"""Events kept read: the same answers as of the store, whatever was asked before; nothing after a key was destroyed."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from engine.events.envelope import SecurityEvent
from infra.store.log.event_cache import Recent

AT = datetime(2026, 11, 23, tzinfo=UTC)


def event(position: int, text: str = "") -> SecurityEvent:
    return SecurityEvent("s", f"e-{position}", "a.b", AT, AT, (), {"x": text}, b"", position)


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(1, 30), st.integers(0, 9)), max_size=30))
def test_it_answers_as_the_store_does(steps: list[tuple[int, int, int]]) -> None:
    store = [event(position) for position in range(1, 11)]
    recent = Recent()

    def fetch(after: int, limit: int) -> list[SecurityEvent]:
        return store[after : after + limit]

    for after, limit, more in steps:
        store += [event(len(store) + 1 + at) for at in range(more)]
        assert recent.read(after, limit, 1, fetch) == store[after : after + limit]


def test_what_is_held_is_not_fetched_again_and_is_dropped_with_a_key() -> None:
    asked: list[int] = []

    def fetch(after: int, limit: int) -> list[SecurityEvent]:
        asked.append(after)
        return [event(position, str(len(asked))) for position in range(after + 1, 11)][:limit]

    recent = Recent()
    first = recent.read(0, 10, 1, fetch)
    assert recent.read(0, 10, 1, fetch) == first
    assert asked == [0]
    assert recent.read(0, 10, 2, fetch)[0].fields == {"x": "2"}


def test_who_is_far_behind_does_not_push_out_what_the_others_share() -> None:
    store, asked = [event(position) for position in range(1, 101)], []

    def fetch(after: int, limit: int) -> list[SecurityEvent]:
        asked.append(after)
        return store[after : after + limit]

    recent = Recent()
    newest = recent.read(90, 10, 1, fetch)
    assert recent.read(0, 10, 1, fetch) == store[:10]
    assert recent.read(90, 10, 1, fetch) == newest
    assert asked == [90, 0]
