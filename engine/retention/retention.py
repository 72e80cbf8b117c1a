"""How long what is kept of a client must be kept, and how it is destroyed: by two persons, after the term, for good.

Documents and messages are kept at least five years after the obligations of the parties end (register:
retention-5y-smartolet, retention-5y-procredit). A legal hold stops destruction whatever the term. Destruction is that
of the client's key; what was encrypted under it stays in the log, unreadable, so the log can still be verified.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Literal, cast

from engine.kernel.errors import DecisionRefused, InputError, n_
from engine.kernel.facts import Fact, Person, foreign
from engine.kernel.ids import derive
from engine.permissions import require
from engine.permissions.eyes import require_other, require_two
from engine.permissions.permission import Side
from engine.retention.facts import (
    ErasureApproved,
    ErasureDone,
    ErasureProposed,
    HoldLifted,
    HoldLiftProposed,
    HoldPlaced,
    ObligationsBegan,
    ObligationsEnded,
    ObligationsEndProposed,
    RetentionFact,
)

YEARS = 5
RetentionState = Literal["kept", "proposed", "approved", "held", "erased"]
LONG_PAST = timedelta(days=31)
"""How old the end of obligations may be that one person records by hand, without a document."""
WAIT = timedelta(days=7)
"""How long destruction waits at least after a hold was lifted."""


def retention_id(client: str) -> str:
    """Return the id under which the retention of a client stands."""
    return str(derive("retention", client))


def term_end(ended_on: date, years: int = YEARS) -> date:
    """Return the first day on which destruction is allowed: the day after the same day, so many years on."""
    try:
        same = ended_on.replace(year=ended_on.year + years)
    except ValueError:  # the 29th of February
        same = date(ended_on.year + years, 2, 28)
    return date.fromordinal(same.toordinal() + 1)


@dataclass
class Retention:
    """What is to be kept of one client."""

    id: str = ""
    version: int = 0
    client: str = ""
    ended_on: date | None = None
    open_loans: set[str] = field(default_factory=set)
    loans: set[str] = field(default_factory=set)
    """Every contract that was told of, also those that ended."""
    began: dict[str, date] = field(default_factory=dict)
    """Contract → the day it was told of."""
    end_proposed: ObligationsEndProposed | None = None
    held: str = ""
    lift: HoldLiftProposed | None = None
    """The lifting of the hold that waits for a second person."""
    lifters: set[str] = field(default_factory=set)
    """Everybody who ever lifted a hold of this client, or asked for it."""
    lifted_at: datetime | None = None
    proposed_by: str = ""
    proposer_roles: tuple[str, ...] = ()
    proposed_at: datetime | None = None
    approved_by: str = ""
    erased_at: datetime | None = None

    @property
    def free_from(self) -> date | None:
        """The first day on which destruction is allowed; None while obligations last or their end is not known."""
        return term_end(self.ended_on) if self.ended_on is not None and not self.open_loans else None

    @property
    def state(self) -> RetentionState:
        """Say in one word how it stands."""
        if self.erased_at is not None:
            return "erased"
        if self.held:
            return "held"
        if self.approved_by:
            return "approved"
        return "proposed" if self.proposed_by else "kept"

    def apply(self, fact: Fact) -> None:
        """Record one fact."""
        self.version += 1
        self._take(cast(RetentionFact, fact))

    def _take(self, fact: RetentionFact) -> None:
        match fact:
            case ObligationsEnded():
                self._about(fact)
                self.open_loans = self.open_loans - {fact.loan} if fact.loan else set()
                self.ended_on = max(self.ended_on or fact.ended_on, fact.ended_on)
                self.end_proposed = None
            case ObligationsEndProposed():
                self._about(fact)
                self.end_proposed = fact
            case ObligationsBegan():
                self._about(fact)
                self.open_loans.add(fact.loan)
                if fact.loan:
                    self.loans.add(fact.loan)
                if fact.began_on is not None:
                    self.began[fact.loan] = fact.began_on
                self.proposed_by = ""
                self.erased_at = None
                self.approved_by = ""
            case HoldPlaced():
                self._about(fact)
                self.held, self.proposed_by, self.lift = fact.reason or "held", "", None
            case HoldLiftProposed():
                self.lift = fact
            case HoldLifted():
                self.held, self.lift, self.lifted_at = "", None, fact.at
                self.lifters |= {fact.actor, fact.proposed_by} - {""}
            case ErasureProposed():
                self.proposed_by, self.proposer_roles, self.proposed_at = fact.actor, fact.roles, fact.at
            case ErasureApproved():
                self.approved_by = fact.actor
            case ErasureDone():
                self.erased_at = fact.at
            case _:
                foreign(fact)

    def _about(self, fact: ObligationsEnded | ObligationsEndProposed | ObligationsBegan | HoldPlaced) -> None:
        self.id, self.client = fact.retention_id, fact.client


def end_obligations(
    it: Retention, client: str, ended_on: date, loan: str, *, by: Person, reason: str, at: datetime,
    document_id: str = "",
) -> list[Fact]:  # fmt: skip
    """Record by hand when obligations ended. An end long past would let data be destroyed soon: it takes a document,
    and a second person who says the same. Raise NotAllowed, InputError, SecondPersonNeeded, DecisionRefused."""
    require("end-obligations", by)
    _given(reason)
    if not client.strip():
        raise InputError("name the client", field="client")
    if ended_on > at.date():
        raise InputError("the obligations have not ended yet", field="ended_on")
    begun = [day for name, day in it.began.items() if loan in ("", name)]
    if begun and ended_on < max(begun):
        raise InputError("the obligations cannot have ended before they began", field="ended_on")
    key = retention_id(client)
    waiting = it.end_proposed
    if ended_on >= at.date() - LONG_PAST:
        return [
            ObligationsEnded(
                at=at, actor=by.id, reason=reason, retention_id=key, client=client, ended_on=ended_on, loan=loan,
                document_id=document_id,
            )
        ]  # fmt: skip
    if waiting is None or (waiting.ended_on, waiting.loan) != (ended_on, loan):
        if not document_id:
            raise InputError("an end long past needs the document that it rests on", field="document")
        return [
            ObligationsEndProposed(
                at=at, actor=by.id, reason=reason, retention_id=key, client=client, ended_on=ended_on, loan=loan,
                document_id=document_id, roles=by.held_roles,
            )
        ]  # fmt: skip
    require_two(
        "end-obligations", waiting.actor, waiting.roles, by, n_("who said when the obligations ended cannot also agree")
    )
    return [
        ObligationsEnded(
            at=at, actor=by.id, reason=reason, retention_id=key, client=client, ended_on=ended_on, loan=loan,
            proposed_by=waiting.actor, document_id=waiting.document_id,
        )
    ]  # fmt: skip


def place_hold(client: str, *, by: Person, reason: str, at: datetime) -> list[Fact]:
    """Forbid destruction. Raise NotAllowed, InputError."""
    require("place-hold", by)
    _given(reason)
    return [HoldPlaced(at=at, actor=by.id, reason=reason, retention_id=retention_id(client), client=client)]


def lift_hold(it: Retention, *, by: Person, reason: str, at: datetime) -> list[Fact]:
    """Allow destruction again, as two persons. Raise NotAllowed, SecondPersonNeeded, DecisionRefused."""
    require("lift-hold", by)
    _given(reason)
    if not it.held:
        raise DecisionRefused("there is no hold")
    if it.lift is None:
        return [HoldLiftProposed(at=at, actor=by.id, reason=reason, retention_id=it.id, roles=by.held_roles)]
    require_two("lift-hold", it.lift.actor, it.lift.roles, by, n_("who asked to lift the hold cannot also agree"))
    return [HoldLifted(at=at, actor=by.id, reason=reason, retention_id=it.id, proposed_by=it.lift.actor)]


def propose_erasure(
    it: Retention, *, by: Person, reason: str, today: date, at: datetime, tied: str = "", wait: timedelta = WAIT
) -> list[Fact]:
    """Ask for destruction, as somebody who lifted no hold. ``tied`` names what still needs the data; ``wait`` is how
    long destruction waits after a lifted hold. Raise NotAllowed, SecondPersonNeeded, DecisionRefused."""
    require("propose-erasure", by)
    _given(reason)
    _may_be_erased(it, today, at, tied, wait)
    if it.proposed_by:
        raise DecisionRefused("it is proposed already; somebody else must approve it")
    require_other("propose-erasure", by, {Side.HOLD_LIFTER: it.lifters})
    return [ErasureProposed(at=at, actor=by.id, reason=reason, retention_id=it.id, roles=by.held_roles)]


def approve_erasure(
    it: Retention, *, by: Person, reason: str, today: date, at: datetime, tied: str = "", wait: timedelta = WAIT
) -> list[Fact]:
    """Agree to destruction, as somebody else than who asked. Raise NotAllowed, SecondPersonNeeded, DecisionRefused."""
    require("approve-erasure", by)
    _given(reason)
    _may_be_erased(it, today, at, tied, wait)
    if not it.proposed_by:
        raise DecisionRefused("nobody has proposed it")
    refusal = n_("who proposed the destruction cannot approve it")
    require_two("propose-erasure", it.proposed_by, it.proposer_roles, by, refusal)
    return [
        ErasureApproved(at=at, actor=by.id, reason=reason, retention_id=it.id, proposed_by=it.proposed_by),
    ]


def _may_be_erased(it: Retention, today: date, at: datetime, tied: str, wait: timedelta) -> None:
    if it.erased_at is not None or it.approved_by:
        raise DecisionRefused("it is destroyed, or about to be")
    if it.held:
        raise DecisionRefused("a legal hold forbids it: {held}", held=it.held)
    if it.free_from is None:
        raise DecisionRefused("the obligations of this client last, or their end is not recorded")
    if today < it.free_from:
        raise DecisionRefused(
            "the term runs; nothing may be destroyed before {free_from}", free_from=it.free_from.isoformat()
        )
    if it.lifted_at is not None and at < it.lifted_at + wait:
        raise DecisionRefused(
            "a hold was lifted; nothing may be destroyed before {day}",
            day=(it.lifted_at + wait).date().isoformat(),
        )  # fmt: skip
    if tied:
        raise DecisionRefused("it is still needed: {tied}", tied=tied)


def _given(reason: str) -> None:
    if not reason.strip():
        raise InputError("give the reason", field="reason")
