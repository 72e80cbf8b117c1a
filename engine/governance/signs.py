"""Signs: what an event of another system must say to count, as data. What it does not say, it does not prove."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property, lru_cache
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from engine.governance.measures import passed, reaches
from engine.governance.reasons import refuses
from engine.governance.words import DONE, FAILED, NOTHING, TRIALS, flag, names, number, said, word, words
from engine.kernel.answer_signs import name_of, speaks
from engine.kernel.answer_words import DOINGS, TEXTS, is_nothing
from engine.kernel.words import own_words

Wanted = str | int | float | bool | None | tuple[str | int | float | bool, ...] | dict[str, float]
OUTCOMES = ("mfo.outcome", "event.outcome", "mfo.status", "mfo.result", "mfo.decision")
"""Fields in which an event may say how it ended; one that says anything but done goes before one that says done."""
ERRORS = ("error.message", "error.code", "error.type", "mfo.error", "mfo.failure")
FLAGS = ("mfo.success", "mfo.ok", "mfo.done", "mfo.accepted", "mfo.applied")
_AFFIRM = frozenset({
    "valid", "completed", "executed", "performed", "confirmed", "effective", "passed", "successful", "succeeded",
    "processed", "complete",
})  # fmt: skip
_STATES = frozenset({"outcome", "status", "state", "result", "decision", "verdict", "resolution"})
_PLACES = frozenset({"environment", "env", "mode"})
_NOT_OF_IT = frozenset({"text", "title", "description", "info", "summary"})
"""Keys of texts that are what the event is about, not how it ended."""
Role = Literal["", "type", "error", "flag", "affirm", "outcome", "state", "text", "place", "speaks"]
_NO_ERROR = frozenset({"0", "ok", "success", "", *NOTHING})


class Sign(BaseModel):
    """One event type, and what its fields must hold: a value, one of several, bounds (``gte``, ``lt``), or null."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    event: str
    where: dict[str, Wanted] = {}
    outcome: Literal["done", "failed", "not_failed", "any"] = "any"
    """What the event must say of how it ended. ``done``: a word for done, and nothing that says otherwise;
    ``not_failed``: it need not say anything, for its type states the fact, but nothing may say otherwise."""
    said_in: str = "mfo.outcome"
    """The field that says the outcome."""
    words: tuple[str, ...] = ()
    """Words for done besides the common ones, in this type."""
    like: dict[str, tuple[str, ...]] = {}
    """Fields that must hold one of these words, in small letters, somewhere (``=word``: as the whole); ``a|b``: one of
    several fields."""
    unlike: dict[str, tuple[str, ...]] = {}
    """Fields that may hold none of them."""
    needs: tuple[str, ...] = ()
    """Fields that must name something: a dash or 'n/a' does not."""
    own: tuple[str, ...] = ()
    """Fields that must hold a person's own words."""
    unread: tuple[str, ...] = ()
    """Fields that say something, which is no number."""
    maybe: tuple[str, ...] = ()
    """Flags that say something, and not no."""
    reaches: dict[str, str] = {}
    """Fields with a measured value → the field with the target that it must reach."""
    at_most: bool = False
    """Whether less is better where the target does not say."""
    passed: dict[str, float] = {}
    """Fields with an instant → how many hours must lie between it and the one in ``until``."""
    until: str = ""
    apart: tuple[str, ...] = ()
    """Fields whose words are about something else than how it ended: why an account was locked."""

    def meets(self, fields: Mapping[str, Any]) -> bool:
        """Say whether an event is this sign."""
        return self.about(fields) and self._holds(fields) and self._of_outcome(fields)

    def about(self, fields: Mapping[str, Any]) -> bool:
        """Say whether an event is of this type."""
        return bool(fields.get("event.action") == self.event)

    def refuses(self, fields: Mapping[str, Any]) -> bool:
        """Say whether an event of this type says that what the sign asks for was not done."""
        return self.about(fields) and self.outcome in ("done", "not_failed") and self._denied(fields)

    def _holds(self, fields: Mapping[str, Any]) -> bool:
        get = fields.get
        for name, wanted in self.where.items():
            if not _holds(get(name), wanted):
                return False
        for name in self.needs:
            if not names(get(name)):
                return False
        return not self._rare or self._holds_rare(fields)

    @cached_property
    def _rare(self) -> bool:
        return bool(self.own or self.like or self.unlike or self.unread or self.maybe or self.reaches or self.passed)

    def _holds_rare(self, fields: Mapping[str, Any]) -> bool:
        return (
            all(own_words(str(fields.get(name) or "")) for name in self.own)
            and all(
                any(_like(fields.get(name), parts) for name in several.split("|"))
                for several, parts in self.like.items()
            )
            and not any(_like(fields.get(name), parts) for name, parts in self.unlike.items())
            and all(
                reaches(fields.get(name), fields.get(target), at_most=self.at_most)
                for name, target in self.reaches.items()
            )
            and all(passed(fields.get(name), fields.get(self.until), it) for name, it in self.passed.items())
            and all(said(fields.get(name)) and number(fields[name]) is None for name in self.unread)
            and all(said(fields.get(name)) and flag(fields[name]) is not False for name in self.maybe)
        )

    def _of_outcome(self, fields: Mapping[str, Any]) -> bool:
        match self.outcome:
            case "done":
                return said(fields.get(self.said_in)) and not self._denied(fields)
            case "failed":
                return any(it in FAILED for it in words(fields.get(self.said_in)))
            case "not_failed":
                return not self._denied(fields)
        return True

    def _denied(self, fields: Mapping[str, Any]) -> bool:
        """Say whether anything in an event says that it was not done: an outcome, an error, a flag, a reason. What the
        sign asks for itself (a reason for a suspension) is read as it asks."""
        if self.said_in not in OUTCOMES and self.said_in in fields and self._other(fields[self.said_in]):
            return True
        return any(self._says_no(name, value) for name, value in fields.items() if _role(name))

    def _says_no(self, name: str, value: Any) -> bool:
        role = _role(name)
        if role == "type":
            return any(it in ("denied", "error") for it in words(value))
        if role == "error":
            return any(it not in _NO_ERROR for it in words(value))
        if name == self.said_in:
            return self._other(value)
        if name in self.where or name in self.apart or not said(value):
            return False
        match role:
            case "flag":
                return flag(value) is not True
            case "outcome":
                return self._other(value)
            case "affirm":
                return flag(value) is False
            case "place":
                return any(it in TRIALS for it in words(value))
            case "speaks":
                return not is_nothing(value)
        return name not in self.needs and refuses(value, self.event)

    def _other(self, value: Any) -> bool:
        """Say whether an outcome is any word but one for done."""
        return any(it not in _done(self.words) for it in words(value))


@lru_cache(maxsize=4_096)
def _role(name: str) -> Role:
    """Say what a field of this name may tell of how an event ended; empty for one that tells nothing of it."""
    if name in OUTCOMES:
        return "outcome"
    if name in FLAGS:
        return "flag"
    first, _, rest = name.partition(".")
    if first == "error" or name in ERRORS:
        return "error"
    if name == "event.type":
        return "type"
    if name in ("message", "tags"):
        return "text"
    last = name_of(rest)
    if first not in ("mfo", "labels", "event", "service") or not rest or "." in rest:
        return ""
    if last in _PLACES:
        return "place"
    if first == "service":
        return ""
    if last in _STATES:
        return "state"
    if last in TEXTS:
        return "" if last in _NOT_OF_IT else "text"
    if first == "event":
        return ""
    if last in DOINGS:  # what an event is about, not what became of it
        return ""
    return "affirm" if last in _AFFIRM else "speaks" if speaks(last) else ""


@lru_cache(maxsize=256)
def _done(more: tuple[str, ...]) -> frozenset[str]:
    return DONE | {word(it) for it in more}


def _like(value: Any, parts: tuple[str, ...]) -> bool:
    texts = [str(one).casefold() for one in (value if isinstance(value, list | tuple) else (value,)) if said(one)]
    return any(word(text) == part[1:] if part.startswith("=") else part in text for text in texts for part in parts)


def _holds(value: Any, wanted: Wanted) -> bool:
    if wanted is None:
        return not names(value)
    if isinstance(wanted, bool):
        return said(value) and flag(value) is wanted
    if isinstance(wanted, dict):
        found = number(value)
        return found is not None and wanted.get("gte", found) <= found < wanted.get("lt", float("inf"))
    held = value if isinstance(value, list | tuple) else (value,)
    asked = {str(one).casefold() for one in (wanted if isinstance(wanted, tuple) else (wanted,))}
    return any(said(one) and str(one).casefold().strip() in asked for one in held)
