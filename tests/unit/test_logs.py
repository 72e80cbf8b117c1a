"""What a library says many times a second is let through once a minute; our own words always."""

from __future__ import annotations

import logging

from infra.observe.logs import Seldom


def record(name: str, text: str, at: float, *arguments: object) -> logging.LogRecord:
    made = logging.LogRecord(name, logging.ERROR, "f.py", 1, text, arguments, None)
    made.created = at
    return made


def test_a_chatty_library_is_heard_once_a_minute_and_without_its_stack() -> None:
    seldom = Seldom()
    spoken = [at for at in range(180) if seldom.filter(record("aiokafka", "node %s is away", float(at), at))]
    assert spoken == [0, 60, 120]
    other = record("aiokafka.client", "node %s is away", 1.0, 7)
    other.exc_info = (ValueError, ValueError("x"), None)
    assert seldom.filter(other) and other.exc_info is None
    assert seldom.filter(record("aiokafka", "another thing", 1.0))


def test_our_own_words_are_never_kept_back() -> None:
    seldom = Seldom()
    assert all(seldom.filter(record("qorgau.worker", "stage %s failed", float(at), "x")) for at in range(10))
