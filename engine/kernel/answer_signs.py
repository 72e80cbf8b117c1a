"""Signs in an answer that speak against done: a refusal, a doubt, not yet, a trial, another order, client or subject.

An answer is read wholly, also what stands inside what. Keys for text people write are few; of an unknown key a plain
value harms nothing as long as it says nothing against done. What cannot be told apart is unclear, and so is not done.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple, get_args

from engine.kernel import answer_words as keys
from engine.kernel.answer_words import (
    AFFIRMS,
    TEXTS,
    VERDICTS,
    WEAK,
    Said,
    against,
    calm,
    is_no,
    is_nothing,
    is_yes,
    normal,
    verdict_word,
    word_of,
)
from engine.kernel.outcomes import Asked, Subject, SubjectType
from engine.kernel.timestamps import SKEW, future, instant_or_day

DEEPEST = 8
BUREAUS = {"пкб": "pkb", "гкб": "gkb", "1cb": "pkb", "scb": "gkb"}
_TYPES: dict[str, SubjectType | None] = {
    **{name: kind for kind in get_args(SubjectType) if kind != "message"
       for name in (kind, f"{kind}s", f"{kind}es", f"{kind}_id", f"{kind}_ids", f"{kind}id", f"{kind}ids")},
    **dict.fromkeys(
        ("contract", "contracts", "contract_id", "contract_ids", "contract_number", "contract_no", "agreement",
         "agreements", "agreement_id", "agreement_number", "loan_number", "loan_no", "credit", "credits", "credit_id",
         "microcredit", "microloan", "договор", "номер_договора", "заем", "заём", "займ", "кредит", "шарт", "қарыз"),
        "loan",
    ),
    **dict.fromkeys(
        ("customer", "customers", "customer_id", "borrower", "borrowers", "borrower_id", "debtor", "debtor_id",
        "person",
         "person_id", "iin", "client_iin", "клиент", "заемщик", "заёмщик", "иин", "жсн"),
        "client",
    ),
    **dict.fromkeys(("subject", "subjects", "subject_id", "subject_ids", "target_id", "object_id", "entity_id"), None),
}  # fmt: skip


class Sign(NamedTuple):
    """What speaks against done: how an answer with it is to be read, and why."""

    said: Said
    why: str


def name_of(key: object) -> str:
    """Write a key in one way: ``orderId``, ``Order-ID`` and ``order_id`` are one."""
    split = re.sub(r"(?<=[a-zа-яё0-9])(?=[A-ZА-ЯЁ])", "_", str(key))
    return re.sub(r"[^\w]+|_+", "_", split).strip("_").casefold()


def speaks(name: str) -> bool:
    """Say whether a key of an event can speak against done by itself: a state, a flag, a failure, a trial, not yet, an
    end, another doing."""
    if name in keys.SPEAKING or name in keys.DOINGS or name in keys.PLACES or name in AFFIRMS or keys.ENDS.search(name):
        return True
    return any(it.search(name) for it in (keys.REFUSING, keys.LATER, keys.DOUBTING))


def type_of(value: object) -> SubjectType | None:
    """Return the type of subject that a word names, however it is spelt; None where there is none, or any."""
    if value in (None, ""):
        return None
    return _TYPES.get(name_of(value), "message")


def bureau_of(name: object) -> str:
    """Return the id of a bureau by the name it is called."""
    word = normal(str(name))
    return BUREAUS.get(word, word)


class Signs:
    """Looks for what speaks against done, of an answer or of one entry in it."""

    def __init__(self, asked: Asked, subjects: Sequence[Subject], reference: str = "") -> None:
        self.asked = asked
        self.subjects = subjects
        self.reference = reference

    def found(
        self, document: Mapping[str, Any], known: frozenset[str] = frozenset(), depth: int = 0, inside: str = ""
    ) -> Iterator[Sign]:
        """Yield the signs in a document; ``known`` are the keys that the contract reads by itself."""
        for key, value in document.items():
            if key in known and not depth:
                continue
            name = name_of(key)
            if name in known and not depth:
                yield Sign("unclear", f"{key} is a key of the contract spelt otherwise")
            if (name != "id" or inside not in keys.OF_THEIRS) and not self._beside(name, value, document):
                yield from self.look(name, value, depth)

    def _beside(self, name: str, value: Any, document: Mapping[str, Any]) -> bool:
        """Say whether a key gives a second number of whom an id beside it names already, and no other's id."""
        for kind, names in keys.NUMBERS.items():
            if name in names and isinstance(value, str):
                own = {it.id for it in self.subjects if it.type == kind}
                own |= {self.asked.client} if kind == "client" and self.asked.client else set()
                ids = [it for key, it in document.items() if name_of(key) in ("id", kind, f"{kind}_id")]
                return bool(ids) and all(it in own for it in ids) and _shape(value) not in {_shape(it) for it in own}
        return False

    def look(self, name: str, value: Any, depth: int = 0) -> Iterator[Sign]:
        """Yield what one value says against done."""
        if depth > DEEPEST:
            yield Sign("unclear", f"{name} lies too deep to be read")
        elif value is None or (isinstance(value, str) and not value.strip()) or value == {}:
            return
        elif value == []:
            if _plain(name) in AFFIRMS and _plain(name) != "found":
                yield Sign("unclear", f"{name} names nobody")
        elif (sign := self._told_of(name, value, depth)) is not None:
            yield from sign
        else:
            yield from self._said(name, value, depth)

    def _told_of(self, name: str, value: Any, depth: int) -> list[Sign] | None:
        """Read what names an order, a client or a subject; None where the key names none of these."""
        asked = self.asked
        if name == "demands" and isinstance(value, list):
            return [it for one in value if not isinstance(one, str) for it in self.look("demand", one, depth + 1)]
        if name == "due_at" and isinstance(value, str) and instant_or_day(value):
            return []
        if name in ("link", "links", "href"):
            return [] if _only_links(value) else None
        if name in keys.ORDER or name == "order":
            expected = {asked.order_id} if name != "order" else {asked.order_id, asked.order}
            return self._same(name, value, expected - {""}, depth, "another order")
        if name in keys.TARGETS:
            if isinstance(value, str) and asked.target and bureau_of(value) == bureau_of(asked.target):
                return []
            return [Sign("unclear", f"{name} is not whom the order went to")]
        if name == "contract" and value in (1, 2) and not isinstance(value, bool):
            return []
        if name == "id":
            own = {it.id for it in self.subjects} if len(self.subjects) == 1 else set()
            if type(value) is int and not any(it.id.isdigit() for it in self.subjects):
                return []
            return self._same(name, value, (own | {asked.order_id, self.reference}) - {""}, depth, "something else")
        if name == "type" and isinstance(value, str) and name_of(value) in _TYPES:
            kind = type_of(value)
            return [] if any(kind in (None, it.type) for it in self.subjects) else [Sign("unclear", f"about a {value}")]
        return self._subjects(name, value, depth) if self._is_subject(name) else None

    def _is_subject(self, name: str) -> bool:
        """Say whether a key names subjects: loans and clients always, another type where the order is about such."""
        if name not in _TYPES:
            return False
        kind = _TYPES[name]
        return kind in (None, "loan", "client") or any(it.type == kind for it in self.subjects)

    def _same(self, name: str, value: Any, expected: set[str], depth: int, other: str) -> list[Sign]:
        if isinstance(value, Mapping):
            return list(self.found(value, depth=depth + 1))
        values = value if isinstance(value, list) else [value]
        if all(isinstance(it, str) and it in expected for it in values):
            return []
        return [Sign("unclear", f"{name} names {other}")]

    def _subjects(self, name: str, value: Any, depth: int) -> list[Sign]:
        """Read a key that names subjects of a type: they must be subjects of the order, and all where it is a list."""
        kind = _TYPES[name]
        own = {it.id for it in self.subjects if kind in (None, it.type)}
        if kind == "client" and self.asked.client:
            own.add(self.asked.client)
        found: list[Sign] = []
        named: set[str] = set()
        if type(value) is int and value == len(own) and name.endswith("s") and kind != "client":
            return []
        if kind == "user" and str(value).casefold() in keys.OPERATORS - own:
            return []
        for it in value if isinstance(value, list) else [value]:
            if isinstance(it, Mapping):
                ids = [it[key] for key in it if name_of(key) in ("id", "number", f"{kind}_id")]
                rest = {
                    key: more for key, more in it.items()
                    if name_of(key) not in ("id", "number", f"{kind}_id", "type")
                    and not self._beside(name_of(key), more, it)
                }  # fmt: skip
                named.update(str(one) for one in ids)
                found += self.found(rest, depth=depth + 1)
                found += [] if ids else [Sign("unclear", f"{name} names nobody")]
            else:
                named.add(it if isinstance(it, str) else f"{it!r}")
        if kind is None:
            named = {it.split(":", 1)[1] if it.split(":", 1)[0] in get_args(SubjectType) else it for it in named}
        if not named <= own or not (kind == "client" or own <= named):
            found.append(Sign("unclear", f"{name} is not what the order names"))
        return found

    def _said(self, name: str, value: Any, depth: int) -> Iterator[Sign]:
        """Read what a value says by its key: a verdict, a flag, a text, an instant, or a key nobody knows."""
        key = keys.CANCELS.sub("", name) if _cancelled(name, value) else name
        refusing, later, doubting = (it.search(key) for it in (keys.REFUSING, keys.LATER, keys.DOUBTING))
        if key != name and keys.CANCELLED.search(key) and not (refusing or doubting):
            return
        if (name in VERDICTS or keys.STATUSES.search(name)) and not isinstance(value, list | dict):
            yield from self._verdict(name, value)
        elif (refusing or (later and not _is_name(name, value)) or doubting) and name not in TEXTS:
            if not _only_nothing(value) and not (keys.ERRORS.search(name) and calm(value)):
                yield Sign("refused" if refusing else "pending" if later else "unclear", f"{name}: {_short(value)}")
        elif keys.ENDS.search(name) and not self._ends_well(name, value):
            yield Sign("unclear", f"{name} {_short(value)}: it is not for good")
        elif isinstance(value, Mapping):
            yield from self.found(value, depth=depth + 1, inside=name)
        elif isinstance(value, list | tuple):
            yield from self._list(name, value, depth)
        elif _plain(name) in AFFIRMS and (name in AFFIRMS or not isinstance(value, str) or is_no(value)):
            yield from self._affirmed(_plain(name), value)
        elif isinstance(value, int | float) and not isinstance(value, bool):
            yield from self._number(name, value)
        elif isinstance(value, bool):
            yield from self._flag(name, value)
        elif isinstance(value, str):
            yield from self._text(name, value)

    def _ends_well(self, name: str, value: Any) -> bool:
        """Say whether a key for an end tells of none, or of the end of something else."""
        if keys.OF_OTHERS.search(name) or is_nothing(value) or normal(str(value)) in keys.FOR_GOOD:
            return True
        if name in ("duration", "period", "term"):
            return not isinstance(value, str) or re.search(r"\d", value) is None
        return "resum" in name and self.asked.order.endswith(keys.LIFTING)

    def _list(self, name: str, value: Sequence[Any], depth: int) -> Iterator[Sign]:
        """Read a list: one that names only some of the order's subjects leaves a doubt of the others."""
        named = {str(it) for it in value if isinstance(it, str | int)}
        own = {it.id for it in self.subjects}
        if named & own and not own <= named:
            yield Sign("unclear", f"{name} names only some")
        for it in value:
            yield from self.look(name, it, depth + 1)

    def _flag(self, name: str, value: bool) -> Iterator[Sign]:
        last = name.rsplit("_", 1)[-1]
        stop = self.asked.order.endswith(("stop", "block"))
        if value is False and stop and keys.LIFE.search(name):
            return
        if keys.HELD.search(name) or (last in AFFIRMS and "_" in name):
            yield from self._affirmed("stopped" if keys.HELD.search(name) else last, value)
        elif name not in keys.HARMLESS_FLAGS and not (value and last == "notified"):
            yield Sign("unclear", f"{name} is {str(value).lower()}, and nobody knows what that means")

    def _verdict(self, name: str, value: Any) -> Iterator[Sign]:
        text = str(value).strip()
        number = int(text) if not isinstance(value, bool) and re.fullmatch(r"-?\d{1,6}", text) else None
        if isinstance(value, bool):
            said: Said = "done" if value else "refused"
        elif number is not None:
            agreed = number in (200, 201, 204) or (number == 0 and name.endswith(keys.ZERO_AGREES))
            refused = number >= 400 or number < 0 or name in keys.RETURNS
            said = "done" if agreed else "pending" if number == 202 else "refused" if refused else "unclear"
        elif name.endswith(keys.ZERO_AGREES) and re.fullmatch(r"[A-Za-z]{0,3}0+", text):
            said = "done"
        else:
            said = self.word(value)
        if said != "done":
            yield Sign(said, f"{name} {_short(value)}")

    def word(self, value: object) -> Said:
        """Read a word that may stand beside an outcome, of this order: what stays of a stop does not lift it."""
        said, text = verdict_word(value), normal(str(value))
        lifting = self.asked.order.endswith(keys.LIFTING)
        if lifting and said == "done" and text.startswith(keys.STAYS):
            return "unclear"
        if said == "unclear" and lifting and text in keys.LIFTED:
            return "done"
        return "done" if said == "unclear" and text and text == self.asked.order.rsplit("-", 1)[-1] else said

    def event_word(self, value: object, *, by_name: bool) -> Said:
        """Read the outcome that an event states; one of a type that states nothing itself needs a word for done."""
        said = word_of(value)
        if said != "unclear" or not isinstance(value, str) or (not by_name and normal(value) in WEAK):
            return said
        return self.word(value)

    def _affirmed(self, name: str, value: Any) -> Iterator[Sign]:
        been = isinstance(value, str) and instant_or_day(value) is not None and not future(value, self.asked.now)
        counted = isinstance(value, int | float) and not isinstance(value, bool) and value >= len(self.subjects)
        if is_no(value):
            yield Sign("refused", f"{name} is {_short(value)}")
        elif self.asked.order.endswith(keys.LIFTING) and name.startswith(keys.STAYS):
            yield Sign("unclear", f"{name} is {_short(value)}: that is what was to be lifted")
        elif not (been or counted or (is_yes(value) and not (value == 1 and type(value) is int and not counted))):
            yield Sign("unclear", f"{name} is {_short(value)}")

    def _text(self, name: str, value: str) -> Iterator[Sign]:
        if (name in keys.DOINGS and self._another_doing(normal(value))) or (
            name in keys.PLACES and keys.NOT_HERE.search(normal(value))
        ):
            yield Sign("unclear", f"{name} is {_short(value)}")
        elif (
            keys.LIFE.search(name)
            and (is_yes(value) or normal(value) in keys.LIVES)
            and self.asked.order.endswith("stop")
        ):
            yield Sign("unclear", f"{name} is {_short(value)}: it goes on")
        elif name in ("scope", "coverage") and keys.PART.search(value):
            yield Sign("unclear", f"{name} is {_short(value)}: only a part")
        elif name in keys.PROGRESS and value.strip(" %") not in ("1", "100", "100.0"):
            yield Sign("pending", f"{name} is {_short(value)}")
        elif name in keys.DONE_WHEN and not instant_or_day(value):
            yield Sign("unclear", f"{name} is no instant")
        elif future(value, self.asked.now) and not keys.OF_OTHERS.search(name):
            yield Sign("unclear", f"{name} lies in the future")
        elif value.lstrip()[:1] in ("{", "["):
            yield from self._inner(name, value)
        elif (said := against(value)) is not None and not (name not in TEXTS and is_nothing(value)):
            yield Sign(said[0], f"{name}: {_short(said[1])}")

    def _inner(self, name: str, value: str) -> Iterator[Sign]:
        """Read JSON that stands in a text, as it would be read itself."""
        try:
            inner = json.loads(value)
        except (ValueError, RecursionError):
            yield Sign("unclear", f"{name}: {_short(value)}")
            return
        if isinstance(inner, dict | list):
            yield from self.look(f"{name}_read", inner, DEEPEST - 2)

    def _another_doing(self, word: str) -> bool:
        """Say whether a word names another order than was given, or the opposite of it."""
        lifts = keys.LIFTS.search(word) is not None and not self.asked.order.endswith(keys.LIFTING)
        return lifts or (keys.KINDS.match(word) is not None and word != self.asked.order)

    def _number(self, name: str, value: float) -> Iterator[Sign]:
        """Read a number: how far it has come, or when it was."""
        if name in keys.PROGRESS and value not in (1, 100):
            yield Sign("pending", f"{name} is {_short(value)}")
        elif keys.WHEN.search(name) and self._ahead(value):
            yield Sign("unclear", f"{name} lies in the future")

    def _ahead(self, value: Any) -> bool:
        """Say whether a number of seconds or milliseconds since 1970 lies in the future."""
        if self.asked.now is None or not isinstance(value, int | float) or value < 1e9:
            return False
        seconds = value / 1000 if value > 1e11 else value
        return bool(seconds > (self.asked.now + SKEW).timestamp())


def _only_nothing(value: Any) -> bool:
    """Say whether all that a value holds says nothing."""
    if isinstance(value, Mapping):
        return all(_only_nothing(it) for it in value.values())
    if isinstance(value, list | tuple):
        return all(_only_nothing(it) for it in value)
    return is_nothing(value)


def _plain(name: str) -> str:
    """Return a key without what says that it counts, or of what: ``stopped_loans``, ``is_done``, ``rows_updated``."""
    return keys.AFFIXES.sub("", name)


def _cancelled(name: str, value: Any) -> bool:
    """Say whether a key tells of calls and tasks that were cancelled, and nothing denies it."""
    if value is False or keys.CANCELS.search(name) is None:
        return False
    if isinstance(value, Mapping):
        return bool(value) and all(keys.CANCELLED.search(name_of(it)) for it in value)
    return keys.CANCELLED.search(name) is not None


def _is_name(name: str, value: Any) -> bool:
    """Say whether a queue is only named."""
    return name == "queue" and isinstance(value, str) and verdict_word(value) == "unclear" and not value.isdigit()


def _only_links(value: Any) -> bool:
    """Say whether all that stands in a value are addresses of other resources."""
    if isinstance(value, Mapping):
        return all(_only_links(it) or name_of(key) in ("rel", "method", "type") for key, it in value.items())
    if isinstance(value, list):
        return all(_only_links(it) for it in value)
    return isinstance(value, str) and value.strip().startswith(("http://", "https://", "/"))


def _shape(text: str) -> str:
    """Return how an id is built: two ids of one system are built alike."""
    return re.sub(r"\d+", "9", re.sub(r"[^\W\d_]+", "a", text))


def _short(value: object) -> str:
    return str(value)[:120]
