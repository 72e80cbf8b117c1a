"""Signs: what an event of another system must say to count, as data. What it does not say, it does not prove."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

DONE = frozenset(
    [
        "accepted", "applied", "approved", "clean", "completed", "conforming", "confirmed", "delivered", "done",
        "effective", "fixed", "ok", "match", "matched", "pass", "passed", "positive", "provided", "published",
        "released", "signed", "succeeded", "success", "successful", "trained", "up", "verified", "yes",
    ]
)  # fmt: skip
"""Outcomes that say that something was done; every other word, and none, says that it was not, or not whether."""
FAILED = frozenset(
    [
        "breached", "cancelled", "denied", "error", "errors", "expired", "fail", "failed", "failure", "forced", "hit",
        "mismatch", "negative", "no", "rejected", "refused", "revoked", "spoof", "timeout", "unknown", "undelivered",
        "unreadable",
    ]
)  # fmt: skip
Wanted = str | int | float | bool | None | tuple[str | int | float | bool, ...] | dict[str, float]


class Sign(BaseModel):
    """One event type, and what its fields must hold: a value, one of several, bounds (``gte``, ``lt``), or null."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    event: str
    where: dict[str, Wanted] = {}
    outcome: Literal["done", "failed", "not_failed", "any"] = "any"
    """What ``mfo.outcome`` must say; ``not_failed`` takes an event that has no outcome to tell."""
    like: dict[str, tuple[str, ...]] = {}
    """Fields that must hold one of these words, in small letters, somewhere."""
    needs: tuple[str, ...] = ()
    """Fields that must say something."""

    def meets(self, fields: Mapping[str, Any]) -> bool:
        """Say whether an event is this sign."""
        if fields.get("event.action") != self.event or not self._of_outcome(fields.get("mfo.outcome")):
            return False
        if any(not _said(fields.get(name)) for name in self.needs):
            return False
        if any(not _like(fields.get(name), words) for name, words in self.like.items()):
            return False
        return all(_holds(fields.get(name), wanted) for name, wanted in self.where.items())

    def _of_outcome(self, value: Any) -> bool:
        word = str(value).strip().lower() if _said(value) else ""
        match self.outcome:
            case "done":
                return word in DONE
            case "failed":
                return word in FAILED
            case "not_failed":
                return not word or word in DONE
        return True


def _said(value: Any) -> bool:
    return value is not None and value != "" and value != []


def _like(value: Any, words: tuple[str, ...]) -> bool:
    texts = [str(one).lower() for one in (value if isinstance(value, list | tuple) else (value,)) if _said(one)]
    return any(word in text for text in texts for word in words)


def _holds(value: Any, wanted: Wanted) -> bool:
    if wanted is None:
        return not _said(value)
    if isinstance(wanted, dict):
        if isinstance(value, bool) or not isinstance(value, int | float):
            return False
        return value >= wanted.get("gte", value) and value < wanted.get("lt", float("inf"))
    held = value if isinstance(value, list | tuple) else (value,)
    asked = {str(one).lower() for one in (wanted if isinstance(wanted, tuple) else (wanted,))}
    return any(_said(one) and str(one).lower() in asked for one in held)
