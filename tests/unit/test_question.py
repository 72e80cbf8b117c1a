"""The language of a search: what a question asks for, and which questions cannot be asked."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from engine.search import words
from engine.search.instants import EARLIEST, LATEST, micros
from engine.search.question import (
    EVERYTHING,
    LONGEST,
    And,
    BadQuestion,
    Between,
    Node,
    Not,
    Or,
    Phrase,
    Vocabulary,
    read,
)

ZONE = ZoneInfo("Asia/Almaty")
VOCABULARY = Vocabulary(
    {"action": "text", "user": "text", "amount": "number", "born": "date", "@timestamp": "time"},
    {"at": "@timestamp"},
    {"iin": "it is personal"},
)
DAY = micros(datetime(2026, 11, 1, tzinfo=ZONE))
A_DAY = 86_400_000_000


def asked(text: str) -> Node:
    return read(text, VOCABULARY, ZONE)


def word(text: str) -> Phrase:
    return Phrase((words.bare(text),))


def holds(node: Node, texts: dict[str, list[str]], at: int = DAY) -> bool:
    """Answer a question about one document: its words by field, and its time."""
    spelled = [words.bare(it) for its in texts.values() for it in its]
    spelled += [words.of_named(name, it) for name, its in texts.items() for it in its]
    match node:
        case And(parts):
            return all(holds(part, texts, at) for part in parts)
        case Or(parts):
            return any(holds(part, texts, at) for part in parts)
        case Not(part):
            return not holds(part, texts, at)
        case Between(low, high):
            return low <= at <= high
        case Phrase(wanted, beginning):
            return any(
                all(
                    have.startswith(want) if beginning and want is wanted[-1] else have == want
                    for have, want in zip(spelled[start : start + len(wanted)], wanted, strict=False)
                )
                for start in range(len(spelled) - len(wanted) + 1)
            )


DOCUMENT = {"action": ["portal", "login", "failed"], "user": ["u", "7"]}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", True), ("   ", True), ("*", True), ("portal", True), ("PORTAL", True), ("port", False), ("port*", True),
        ("portal failed", True), ("portal AND succeeded", False), ("portal OR succeeded", True), ("NOT portal", False),
        ("-succeeded", True), ("+portal", True), ("(portal OR x) AND login", True), ('"portal login"', True),
        ('"login portal"', False), ("action:portal.login.*", True), ("action:portal.failed", False),
        ("user:(u-7 OR u-8)", True), ("user:portal", False), ("_exists_:user", True), ("user:*", True),
        ("_exists_:amount", False), ("at:2026-11-01", True), ("@timestamp:2026-11-02", False),
        ("at:[2026-10-31 TO 2026-11-01]", True), ("at:[* TO 2026-11-01}", False), ("at:{2026-11-01 TO *]", False),
        ("at:>=2026-11-01", True), ("at:>2026-11-01", False), ("at:<2026-11-01", False), ("at:<=2026-11-01", True),
        ('at:"2026-11-01T00:00:00+05:00"', True), ("portal\\.login", True),
    ],
)  # fmt: skip
def test_a_question_finds_what_its_words_say(text: str, found: bool) -> None:
    assert holds(asked(text), DOCUMENT) is found


def test_what_a_question_is_made_of() -> None:
    assert asked("a b") == And((word("a"), word("b")))
    assert asked("a OR NOT b") == Or((word("a"), Not(word("b"))))
    assert asked("") == EVERYTHING
    assert asked("at:2026-11-01") == Between(DAY, DAY + A_DAY - 1)
    assert asked("at:[* TO *]") == Between(EARLIEST, LATEST)


@pytest.mark.parametrize("text", ["amount:5", "amount:-5", "amount:1e3", "amount:0"])
def test_a_number_is_one_word(text: str) -> None:
    node = asked(text)
    assert isinstance(node, Phrase)
    assert node.words == (words.of_numbers("amount") + words.number(float(text.partition(":")[2])),)


@pytest.mark.parametrize(
    ("text", "inside", "outside"),
    [
        ("amount:[1 TO 10]", (1, 5, 10), (0, 10.5)), ("amount:{1 TO 10}", (2, 9.9), (1, 10)),
        ("amount:[1 TO *]", (1, 1e12), (0.9, -1)), ("amount:[-3 TO *]", (-3, 0), (-3.1,)), ("amount:<3", (2, -9), (3,)),
    ],
)  # fmt: skip
def test_a_range_of_numbers_holds_its_numbers(text: str, inside: tuple[float, ...], outside: tuple[float, ...]) -> None:
    node = asked(text)
    assert isinstance(node, Or)

    def among(value: float) -> bool:
        spelled = words.of_numbers("amount") + words.number(value)
        return any(
            spelled.startswith(part.words[0]) if part.open else spelled == part.words[0]
            for part in node.parts
            if isinstance(part, Phrase)
        )

    assert all(map(among, inside))
    assert not any(map(among, outside))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x" * (LONGEST + 1), "at most"), ("(a", "cannot be read"), ("nofield:x", "no field 'nofield'"),
        ("iin:1", "it is personal"), ("action:(user:x)", "a field inside a field"), ("a~2", "words alike"),
        ('"a b"~2', "near one another"), ("a^2", "weight"), ("/a.b/", "regular expression"), ("a*b", "at the end"),
        ("a?", "at the end"), ("...", "no letter or digit"), ("amount:many", "is not a number"),
        ("amount:nan", "is not a number"), ("at:yesterday", "neither a day"), ("action:[a TO b]", "needs a field"),
        ("[a TO b]", "needs a field"), ("at:2026-13-01", "neither a day"), ("born:soon", "neither a day"),
    ],
)  # fmt: skip
def test_what_cannot_be_asked_is_refused_with_the_reason(text: str, said: str) -> None:
    with pytest.raises(BadQuestion, match=said):
        asked(text)


def test_a_day_of_a_field_is_a_range_of_its_words() -> None:
    node = asked("born:1990-05-01")
    assert isinstance(node, Or)
    assert node.parts


def test_without_a_zone_a_day_is_one_of_utc() -> None:
    assert read("at:2026-11-01", VOCABULARY) == Between(
        micros(datetime(2026, 11, 1, tzinfo=UTC)), micros(datetime(2026, 11, 2, tzinfo=UTC)) - 1
    )
