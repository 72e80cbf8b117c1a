"""What the reference systems know: every order by its key, how it stands, and what is still to be told by event."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from engine.kernel.answers import SubjectType
from engine.kernel.ports import TimeSource
from engine.kernel.timestamps import iso
from infra.lab.reference.answers import ANSWERS, Asked, Body, Reply, of_the_centre
from infra.lab.reference.signature import is_signed

SYSTEMS = ("collections", "loans", "bureau", "access")
CENTRE = "afc"
EVENTS = {
    "collection-stop": "collection.stopped",
    "collection-resume": "collection.resumed",
    "accrual-stop": "loan.accrual.stopped",
    "write-off": "loan.written_off",
    "bureau-correction": "bureau.correction.acknowledged",
    "bureau-restore": "bureau.correction.acknowledged",
}
"""Order → the event that answers it; the others are asked again."""


class NamedSubject(BaseModel):
    """Whom or what an order is about."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    type: SubjectType
    id: str = Field(min_length=1)


class TakenOrder(BaseModel):
    """What a receiver relies on in an order; it may hold more."""

    model_config = ConfigDict(extra="allow", frozen=True)
    contract: int
    order: str
    order_id: str
    issued_at: AwareDatetime | None = None
    subjects: tuple[NamedSubject, ...] = Field(min_length=1)
    demands: tuple[str, ...] = Field(min_length=1)


@dataclass
class Kept:
    """One order as it was taken, by its key, and how it stands."""

    system: str
    key: str
    body: Body
    digest: str
    how: str
    asked: int = 1
    finished: str = ""
    """``done`` or ``refused``; nothing while it is open."""
    answers: list[int] = field(default_factory=list)


class ReferenceSystems:
    """Collections, loans, bureau, access and the Anti-Fraud Centre. ``how`` says which answer a system, a kind of order
    or, with the name ``*``, everything gets (``infra/lab/reference/answers.py``)."""

    def __init__(self, clock: TimeSource, *, how: Mapping[str, str] | None = None, secrets: Sequence[str] = ()) -> None:
        self.clock = clock
        self.secrets = tuple(secrets)
        self.how: dict[str, str] = {}
        self.kept: dict[tuple[str, str], Kept] = {}
        self._untold: list[Body] = []
        self._guard = threading.Lock()
        self.decide(how or {})

    def decide(self, how: Mapping[str, str]) -> None:
        """Say how to answer from now on. Raise ValueError for a way nobody knows."""
        unknown = sorted(set(how.values()) - set(ANSWERS))
        if unknown:
            raise ValueError(f"known ways to answer are {', '.join(ANSWERS)}; not {', '.join(unknown)}")
        self.how.update(how)

    def way(self, system: str, order: str = "") -> str:
        """Return how something is answered: a kind of order before its system, and that before everything."""
        return next((self.how[name] for name in (order, system, "*") if name in self.how), "done")

    def take(self, system: str, headers: Mapping[str, str], body: bytes) -> Reply:
        """Answer one order or message: signed, keyed, whole; the same key again does nothing more."""
        if system != CENTRE and not is_signed(headers, body, self.secrets, self.clock.now()):
            return Reply(401, {"error": "not signed"})
        key = headers.get("idempotency-key", "")
        try:
            order = self._read(system, key, body)
        except (orjson.JSONDecodeError, ValidationError, ValueError) as error:
            return Reply(400, {"error": f"not an order: {_first(error)}"})
        digest = hashlib.sha256(orjson.dumps(order, option=orjson.OPT_SORT_KEYS)).hexdigest()
        with self._guard:
            kept = self.kept.get((system, key))
            if kept is None:
                how = self.way(system, str(order.get("order", "")))
                kept = self.kept[system, key] = Kept(system, key, order, digest, how)
            elif kept.digest != digest:
                return Reply(409, {"error": "another order had this key"})
            else:
                kept.asked += 1
                kept.how = kept.how if kept.finished else self.way(system, str(order.get("order", "")))
            reply = self._answer(kept)
            kept.answers.append(reply.status)
            return reply

    def finish(self) -> int:
        """Finish what is under way; what is told by event is ready to be told. Return how many."""
        with self._guard:
            open_ones = [it for it in self.kept.values() if not it.finished and it.how in ("later", "later-refused")]
            for it in open_ones:
                it.finished = "done" if it.how == "later" else "refused"
                self._untold += self._events(it)
            return len(open_ones)

    def untold(self) -> list[Body]:
        """Return the events that nobody was told yet, once."""
        with self._guard:
            told, self._untold = self._untold, []
            return told

    def tell_again(self, events: Sequence[Body]) -> None:
        """Take back events that could not be told."""
        with self._guard:
            self._untold = [*events, *self._untold]

    def orders(self) -> list[Body]:
        """Return what was taken, in the order of its coming."""
        with self._guard:
            return [
                {"system": it.system, "key": it.key, "how": it.how, "asked": it.asked, "finished": it.finished,
                 "answers": list(it.answers), "order": it.body}
                for it in self.kept.values()
            ]  # fmt: skip

    def _read(self, system: str, key: str, body: bytes) -> Body:
        document = orjson.loads(body)
        if not key or not isinstance(document, dict):
            raise ValueError("an Idempotency-Key and a JSON object are needed")
        if system != CENTRE:
            taken = TakenOrder.model_validate(document)
            if taken.order_id != key:
                raise ValueError("order_id is not the Idempotency-Key")
        elif not document.get("message_id"):
            raise ValueError("message_id is needed")
        return document

    def _answer(self, kept: Kept) -> Reply:
        """Say how it stands. What is done stays done, under the reference it got first."""
        how = kept.finished or kept.how
        reference = f"{kept.system}-{hashlib.sha256(kept.key.encode()).hexdigest()[:8]}"
        said = of_the_centre(how, reference) if kept.system == CENTRE else None
        reply = said or ANSWERS[how](Asked(kept.body, reference, self.clock.now()))
        if how == "done":
            kept.finished = "done"
        return reply

    def _events(self, kept: Kept) -> list[Body]:
        if kept.system == CENTRE:
            status = "accepted" if kept.finished == "done" else "rejected"
            named: Body = {"mfo.message.id": kept.body["message_id"], "mfo.message.status": status,
                           "mfo.afc.reference": f"afc-{kept.key[:8]}"}  # fmt: skip
            return [self._event("afc.message.acknowledged", f"{kept.key}-{status}", named)]
        action = EVENTS.get(str(kept.body["order"]))
        if action is None:
            return []
        return [
            self._event(action, f"{kept.key}-{it['id']}-{kept.finished}", self._fields(kept, action, it["id"]))
            for it in kept.body["subjects"]
        ]

    def _fields(self, kept: Kept, action: str, loan: str) -> Body:
        done = kept.finished == "done"
        found: Body = {"mfo.order.id": kept.key, "mfo.loan.id": loan, "mfo.outcome": kept.finished}
        if action == "collection.stopped":
            found |= {f"mfo.collection.{name}": done for name in ("stopped", "claims_stopped", "agency_notified")}
        if action == "bureau.correction.acknowledged":
            found["mfo.bureau.reference"] = f"bureau-{kept.key[:8]}"
            found |= {"mfo.correction.applied_at": iso(self.clock.now())} if done else {}
        if done and action in ("collection.stopped", "loan.accrual.stopped"):
            found["mfo.stopped_at"] = iso(self.clock.now())
        return found

    def _event(self, action: str, name: str, fields: Body) -> Body:
        return {"@timestamp": iso(self.clock.now()), "event.id": name, "event.action": action, **fields}


def _first(error: Exception) -> str:
    if isinstance(error, ValidationError):
        first: Any = error.errors(include_input=False, include_url=False)[0]
        return f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}"
    return str(error)[:200]
