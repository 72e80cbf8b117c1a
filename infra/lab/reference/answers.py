"""How a system may answer an order: done, and the ways to refuse that docs/orders.md names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from engine.kernel.timestamps import iso

Body = dict[str, Any]


class Reply(NamedTuple):
    """Status and body of an answer: a mapping goes out as JSON, text as it is."""

    status: int
    body: Body | str


class Asked(NamedTuple):
    """An order, and what the answer needs to know beside it."""

    order: Body
    reference: str
    now: datetime


def outcomes(order: Body, outcome: str, **more: str) -> list[Body]:
    """Return the same outcome for every subject."""
    return [{**subject, "outcome": outcome, **more} for subject in order["subjects"]]


def done(asked: Asked) -> Reply:
    """Return what the contract asks for: a reference, the instant, and an outcome of each subject."""
    body = {"reference": asked.reference, "done_at": iso(asked.now), "outcomes": outcomes(asked.order, "done")}
    return Reply(200, body)


def _of_each(outcome: str, detail: str) -> Callable[[Asked], Reply]:
    return lambda it: Reply(
        200, {"reference": it.reference, "outcomes": outcomes(it.order, outcome, detail=detail)}
    )  # fmt: skip


def _partly(it: Asked) -> Reply:
    """The first subject is done and the others are refused; of one subject nothing is done."""
    said = outcomes(it.order, "rejected", detail="unknown here")
    if len(said) > 1:
        said[0] = {**it.order["subjects"][0], "outcome": "done"}
    return Reply(200, {"reference": it.reference, "outcomes": said})


def queued(it: Asked) -> Reply:
    """Return that it was taken and is not done yet."""
    return Reply(202, {"reference": it.reference, "status": "queued"})


def _text(status: int, text: str) -> Callable[[Asked], Reply]:
    return lambda it: Reply(status, text)


ANSWERS: Mapping[str, Callable[[Asked], Reply]] = {
    "done": done,
    "refused": _of_each("refused", "not by this channel"),
    "unknown": _of_each("not-found", "unknown here"),
    "partly": _partly,
    "error": lambda it: Reply(200, {"error": "unknown loan"}),
    "no-reference": lambda it: Reply(200, {"outcomes": outcomes(it.order, "done")}),
    "no-outcome": lambda it: Reply(200, {"reference": it.reference}),
    "html": _text(200, "<html><body>Sign in</body></html>"),
    "empty": _text(200, ""),
    "queued": queued,
    "later": queued,
    "later-refused": queued,
    "busy": _text(503, ""),
    "forbidden": lambda it: Reply(403, {"error": "forbidden"}),
    "hang": _text(504, ""),
}
"""Name → the answer. ``later`` and ``later-refused`` are finished afterwards, by an event or when asked again; ``hang``
says nothing for as long as it may."""


def of_the_centre(how: str, reference: str) -> Reply | None:
    """Return what the Anti-Fraud Centre says of a message, None where it says the same as any other system."""
    if how == "done":
        return Reply(200, {"status": "accepted", "reference": reference})
    if how in ("refused", "unknown", "partly"):
        return Reply(422, {"status": "rejected", "error": "the message lacks what identifies a person"})
    if how == "no-reference":
        return Reply(200, {"status": "accepted"})
    return None
