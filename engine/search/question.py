"""Questions in the Lucene query language, read by luqum and brought to five forms that every engine can answer.

``portal AND "session started"``, ``action:portal.login.*``, ``source.ip:203.0.113.7``, ``mfo.loan.amount:[1 TO *]``,
``@timestamp:>=2026-11-01``, ``NOT``, ``-``, ``+``, brackets, ``_exists_:field``. Words side by side must all occur.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, tzinfo
from typing import Any

from luqum import tree
from luqum.exceptions import ParseError
from luqum.thread import parse

from engine.kernel.errors import InputError
from engine.search import words
from engine.search.instants import EARLIEST, LATEST, span
from engine.search.words import Kind

LONGEST = 1_000
DEEPEST = 12
"""Brackets and NOTs within one another; engines refuse, or fail, far beyond it."""
MOST_TERMS = 100
"""Words and ranges of one question."""
MOST_ASKED = 500
"""What they may become for the engine: a range of numbers is up to thirty beginnings of words."""


class BadQuestion(InputError):
    """A question that cannot be answered; the message says why and where."""

    code = "search.question"


class TooMuchAsked(BadQuestion):
    """A question that is larger than what is answered."""

    code = "search.too-much"


@dataclass(frozen=True, slots=True)
class Phrase:
    """Spelled words that follow one another; with ``open`` the last is a beginning."""

    words: tuple[str, ...]
    open: bool = False


@dataclass(frozen=True, slots=True)
class Between:
    """Times from ``low`` to ``high``, both included, in microseconds since 1970."""

    low: int
    high: int


@dataclass(frozen=True, slots=True)
class And:
    """All of these; without any, everything."""

    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """One of these at least; without any, nothing."""

    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """Everything but this."""

    part: Node


Node = Phrase | Between | And | Or | Not
EVERYTHING = And(())


@dataclass(frozen=True)
class Vocabulary:
    """The fields of one index that may be asked for."""

    fields: Mapping[str, Kind]
    aliases: Mapping[str, str] = field(default_factory=dict)
    refused: Mapping[str, str] = field(default_factory=dict)
    """Fields that are known and not in the index, with the reason."""

    def resolve(self, name: str) -> str:
        """Return the full name of a field. Raises BadQuestion."""
        full = self.aliases.get(name, name)
        if full in self.refused:
            raise BadQuestion("{full} is not in the index: {refused}", full=full, refused=self.refused[full])
        if full not in self.fields:
            raise BadQuestion(
                "there is no field '{name}'; put a word that holds a colon into quotation marks", name=name[:80]
            )
        return full


def read(text: str, vocabulary: Vocabulary, zone: tzinfo = UTC) -> Node:
    """Read a question; days without a time are days of ``zone``. Raises BadQuestion, TooMuchAsked."""
    if len(text) > LONGEST:
        raise BadQuestion("a question has at most {longest} characters", longest=LONGEST)
    if not text.strip():
        return EVERYTHING
    try:
        found = parse(text)
        _refuse_too_much(found)
        asked = _Reader(vocabulary, zone).node(found, None)
    except RecursionError:
        raise _too_deep() from None
    except ParseError as error:
        why = str(error).removeprefix("Syntax error in input : ").rstrip("!")
        raise BadQuestion("the question cannot be read: {why}", why=why) from None
    if _size(asked) > MOST_ASKED:
        raise _too_many()
    return asked


def _refuse_too_much(found: Any) -> None:
    """Refuse a tree that is too deep or too large, before anything walks it by calling itself."""
    terms, level, depth = 0, [found], 0
    while level:
        depth += 1
        if depth > 2 * DEEPEST:
            raise _too_deep()
        below = [child for item in level for child in item.children]
        terms += sum(1 for item in level if not item.children)
        if terms > MOST_TERMS:
            raise _too_many()
        level = below


def _too_deep() -> TooMuchAsked:
    return TooMuchAsked("a question has at most {deepest} levels of brackets and NOT", deepest=DEEPEST)


def _too_many() -> TooMuchAsked:
    return TooMuchAsked("a question has at most {most} words and ranges", most=MOST_TERMS)


def _size(question: Node) -> int:
    match question:
        case And(parts) | Or(parts):
            return 1 + sum(_size(part) for part in parts)
        case Not(part):
            return 1 + _size(part)
    return 1


class _Reader:
    """Walks the tree of luqum; the field of a word is that of the nearest field around it."""

    def __init__(self, vocabulary: Vocabulary, zone: tzinfo) -> None:
        self.vocabulary = vocabulary
        self.zone = zone

    def node(self, item: Any, name: str | None) -> Node:
        match item:
            case tree.SearchField():
                return self._field(item, name)
            case tree.Group() | tree.FieldGroup() | tree.Plus():
                return self.node(item.children[0], name)
            case tree.AndOperation() | tree.UnknownOperation():
                return And(tuple(self.node(child, name) for child in item.children))
            case tree.OrOperation():
                return Or(tuple(self.node(child, name) for child in item.children))
            case tree.Not() | tree.Prohibit():
                return self._not(item, name)
            case tree.Word() | tree.Phrase():
                return self._words(item, name)
            case tree.Range() | tree.From() | tree.To():
                return self._range(item, name)
        raise BadQuestion(
            "{form} cannot be asked for here: {item}",
            form=_KINDS.get(type(item).__name__, "this form"),
            item=str(item)[:80],
        )

    def _not(self, item: Any, name: str | None) -> Node:
        child = item.children[0]
        if name is not None and self.vocabulary.fields[name] == "number" and isinstance(child, tree.Word):
            return self._number(name, f"-{child.value}")  # field:-5 is a number below zero
        inner = self.node(child, name)
        return inner.part if isinstance(inner, Not) else Not(inner)

    def _field(self, item: Any, outer: str | None) -> Node:
        if outer is not None:
            raise BadQuestion(
                "a field inside a field: {item}; put a word that holds a colon into quotation marks",
                item=str(item)[:80],
            )
        if item.name == "_exists_":
            return Phrase((words.of_field(self.vocabulary.resolve(str(item.expr))),), open=True)
        return self.node(item.expr, self.vocabulary.resolve(item.name))

    def _words(self, item: Any, name: str | None) -> Node:
        quoted = isinstance(item, tree.Phrase)
        text = item.value[1:-1] if quoted else item.value
        kind = self.vocabulary.fields[name] if name is not None else "text"
        if name is not None and kind in ("time", "date") and text != "*":
            low, high = self._span(text)
            return Between(low, high) if kind == "time" else _among(name, low, high)
        if text == "*" and not quoted:
            return EVERYTHING if name is None else Phrase((words.of_field(name),), open=True)
        if name is not None and kind == "number":
            return self._number(name, text)
        open_ = not quoted and text.endswith("*") and not text.endswith("\\*")
        plain = _unescaped(text.removesuffix("*") if open_ else text, wild=not quoted)
        found = words.cut(plain)
        if not found:
            raise BadQuestion("there is no letter or digit in {text}", text=repr(text[:80]))
        # A star after a sign asks for any next word: "portal.*" wants a word after "portal".
        after_sign = open_ and not words.cut(plain[-1])
        spelled = [words.of_named(name, word) if name else words.bare(word) for word in found]
        if after_sign:
            spelled.append(words.of_field(name) if name else "w")
        return Phrase(tuple(spelled), open=open_)

    def _number(self, name: str, text: str) -> Node:
        value = _number(text)
        return Phrase((words.of_numbers(name) + words.number(value),))

    def _range(self, item: Any, name: str | None) -> Node:
        if name is None or self.vocabulary.fields[name] == "text":
            raise BadQuestion("a range needs a field of times or numbers: {item}", item=str(item)[:80])
        low, with_low, high, with_high = _ends(item)
        kind = self.vocabulary.fields[name]
        if kind == "number":
            return _among(name, *_open_ends(low, with_low, high, with_high))
        first = EARLIEST if low is None else self._span(low)[0] if with_low else self._span(low)[1] + 1
        last = LATEST if high is None else self._span(high)[1] if with_high else self._span(high)[0] - 1
        return Between(first, last) if kind == "time" else _among(name, first, last)

    def _span(self, text: str) -> tuple[int, int]:
        """Return the first and last microsecond of a day, or of an instant."""
        try:
            return span(text.replace("\\", ""), self.zone)
        except (ValueError, OverflowError):
            raise BadQuestion(
                '{text} is neither a day (2026-11-01) nor an instant in quotation marks ("2026-11-01T10:00:00+05:00")',
                text=repr(text[:80]),
            ) from None


_KINDS = {
    "Fuzzy": "words alike (~)", "Proximity": "words near one another (~)", "Boost": "weight (^)",
    "Regex": "a regular expression", "BoolOperation": "this operation",
}  # fmt: skip


def _unescaped(text: str, *, wild: bool) -> str:
    """Take the back-strokes away; raises BadQuestion for a wildcard that stands elsewhere than at the end."""
    plain, after = [], False
    for letter in text:
        if after:
            plain.append(letter)
            after = False
        elif letter == "\\":
            after = True
        elif wild and letter in "*?":
            raise BadQuestion("'*' stands at the end of a word only, and '?' nowhere: {text}*", text=text[:80])
        else:
            plain.append(letter)
    return "".join(plain)


def _number(text: str) -> float:
    try:
        value = float(text.replace("\\", ""))
    except ValueError:
        raise BadQuestion("{text} is not a number", text=repr(text[:80])) from None
    if math.isnan(value):
        raise BadQuestion("{text} is not a number", text=repr(text[:80]))
    return value


def _among(name: str, least: float, most: float) -> Node:
    """Return the question for a range of a field whose numbers stand among the words."""
    begin = words.of_numbers(name)
    return Or(tuple(Phrase((begin + part,), open=len(part) < 16) for part in words.between(least, most)))


def _open_ends(low: str | None, with_low: bool, high: str | None, with_high: bool) -> tuple[float, float]:
    least = -math.inf if low is None else _number(low)
    most = math.inf if high is None else _number(high)
    if low is not None and not with_low:
        least = math.nextafter(least, math.inf)
    if high is not None and not with_high:
        most = math.nextafter(most, -math.inf)
    return least, most


def _end(item: Any) -> str | None:
    text = str(item).strip()
    if isinstance(item, tree.Phrase):
        return text[1:-1]
    return None if text == "*" else text


def _ends(item: Any) -> tuple[str | None, bool, str | None, bool]:
    """Return both ends of a range and whether each belongs to it."""
    match item:
        case tree.From():
            return _end(item.a), item.include, None, True
        case tree.To():
            return None, True, _end(item.a), item.include
    return _end(item.low), item.include_low, _end(item.high), item.include_high
