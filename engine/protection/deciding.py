"""What may be done with a protection: enter an act, add to it, check it, join it to its twin, end it, take it back."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from datetime import date, datetime, timedelta

from engine.kernel.errors import DecisionRefused, InputError, SecondPersonNeeded
from engine.kernel.facts import Fact, Noted, Person
from engine.kernel.ids import derive
from engine.kernel.words import need_own_words, own_words
from engine.permissions import require
from engine.protection.facts import (
    OUTCOMES,
    ActAmended,
    ActDocumentAttached,
    ActJoined,
    ActRegistered,
    ActReinstated,
    ActVerified,
    CourtRuled,
    LegalAct,
    LoansRemoved,
    Outcome,
    OutcomeDecided,
    OutcomeDeclined,
    OutcomeProposed,
    UnreadNamed,
    UnreadRead,
    UnreadReceived,
    ViolationFound,
)
from engine.protection.protection import Protection, protection_id
from engine.protection.spelling import says_which, spelt

_SEVERAL = re.compile(r"[,;\n\t]")
"""What stands between several ids in one text."""


def register_act(protection: Protection, act: LegalAct, *, by: Person, at: datetime) -> Sequence[Fact]:
    """Enter an act. Receipt cannot lie in the future, nor before the act itself.

    The same act again with more loans is an addition to it; with anything else that differs it is refused; exactly as
    it was entered it changes nothing.
    """
    require("enter-act", by)
    _received(act.received_at, act.act_date, at)
    if not says_which(act.issuer, act.number):
        raise InputError("issuer and number must say which act it is", field="number")
    _single((act.client,), "client")
    _single(act.loans, "loans")
    if not protection.id:
        return [ActRegistered(at=at, actor=by.id, protection_id=protection_id(act), act=act)]
    held = protection.act
    assert held is not None
    if not protection.holds:
        raise DecisionRefused(
            "the act is entered already and {state}; take that back instead of entering it again",
            state=protection.state,
        )
    more = tuple(loan for loan in act.loans if loan not in protection.loans)
    other = {
        "kind": act.kind != held.kind,
        "received_at": act.received_at < held.received_at,  # a later one is the same act, handed in once more
        "bureaus": not set(act.bureaus) <= set(held.bureaus),
        "loans": not more and not set(protection.loans) <= set(act.loans),
    }
    differs = [name for name, differ in other.items() if differ]
    if differs:
        raise DecisionRefused("the act is entered already with another content: {fields}", fields=", ".join(differs))
    return _amended(protection, more, act.received_at, act.channel, by=by, at=at) if more else []


def amend_act(
    protection: Protection, loans: Sequence[str], received_at: datetime, reason: str, *, by: Person, at: datetime
) -> Sequence[Fact]:
    """Add loans to an act: their orders go out, and their terms run from when the addition came in."""
    require("amend-act", by)
    assert protection.act is not None
    _received(received_at, protection.act.act_date, at)
    if not protection.holds:
        raise DecisionRefused("the protection is {state}", state=protection.state)
    if not reason.strip():
        raise DecisionRefused("an addition to an act needs its ground")
    _single(loans, "loans")
    more = tuple(loan for loan in dict.fromkeys(it.strip() for it in loans) if loan and loan not in protection.loans)
    if not more:
        raise DecisionRefused("the act covers these loans already")
    return _amended(protection, more, received_at, reason, by=by, at=at)


def _amended(
    protection: Protection, loans: tuple[str, ...], received_at: datetime, reason: str, *, by: Person, at: datetime
) -> Sequence[Fact]:
    part = str(derive("act-part", protection.id, str(len(protection.amendments)), *loans))
    return [
        ActAmended(
            at=at, actor=by.id, reason=reason, protection_id=protection.id, part=part, loans=loans,
            received_at=received_at,
        )
    ]  # fmt: skip


def _received(received_at: datetime, dated: date, at: datetime) -> None:
    if received_at > at + timedelta(minutes=5):
        raise InputError("the act cannot have been received in the future", field="received_at")
    if received_at.date() + timedelta(days=1) < dated:
        raise InputError("the act cannot have been received before its own date", field="received_at")


def _single(ids: Sequence[str], field: str) -> None:
    """Raise InputError for an id that is none, or that names several: the other system would know neither."""
    if any(not it.strip() or it != it.strip() or _SEVERAL.search(it) for it in ids):
        raise InputError(
            "an id names one contract or client, without blanks around it; list each by itself", field=field
        )


def reads_the_same(
    unread: UnreadReceived | None, act: LegalAct, reference: tuple[str, str], entered_at: datetime | None = None
) -> bool:
    """Say whether what could not be read names this client, no other loan, and this issuer and number (or court and
    number of a decision). Raise DecisionRefused where it names somebody else.

    ``entered_at``: when the act was entered, None for now. One that was there before must be named by issuer and
    number: what says neither is rather a new act than the old one once more.
    """
    if unread is None or not unread.clients:
        return False
    if act.client not in unread.clients:
        raise DecisionRefused("what came in names another client; an act of this client does not carry it out")
    told = spelt(unread.issuer, unread.number)
    same = all(mine in (theirs, "") for mine, theirs in zip(told, spelt(*reference), strict=True))
    if entered_at is not None and entered_at < unread.at:
        same = same and all(told)
    dated = unread.dated in (None, act.act_date) or unread.what == "court-decision"
    return len(unread.clients) == 1 and same and dated and set(unread.loans) <= set(act.loans)


def read_unread(
    protection: Protection, incident_id: str, same: bool, reason: str, *, by: Person, at: datetime
) -> Sequence[Fact]:
    """Say that this protection is what could not be read when it came in; the incident's clocks end with its orders.

    ``same``: it says so itself (``reads_the_same``). Else two persons say so, each in own words.
    """
    require("enter-act", by)
    if incident_id in protection.unread:
        return []
    if not protection.holds:
        raise DecisionRefused("the protection is {state}", state=protection.state)
    first = protection.unread_named.get(incident_id, "")
    if not same:
        need_words(reason)
    if not same and not first:
        return [UnreadNamed(at=at, actor=by.id, reason=reason, protection_id=protection.id, incident_id=incident_id)]
    if not same and first == by.id:
        raise SecondPersonNeeded("who said what came in cannot also agree")
    return [
        UnreadRead(
            at=at, actor=by.id, reason=reason, protection_id=protection.id, incident_id=incident_id,
            proposed_by="" if same else first,
        )
    ]  # fmt: skip


def need_words(reason: str) -> None:
    """Refuse where nobody says how one knows what came in. Raise DecisionRefused."""
    if not own_words(reason):
        raise DecisionRefused("what came in does not say that it is this; say in your own words how you know")


def take_over_unread(into: Protection, joined: Protection, *, by: Person, at: datetime) -> Sequence[Fact]:
    """What a double entry carries out is carried out by the entry it was joined to."""
    return [
        UnreadRead(at=at, actor=by.id, protection_id=into.id, incident_id=it, proposed_by=joined.registered_by)
        for it in joined.unread if it not in into.unread
    ]  # fmt: skip


def verify_act(
    protection: Protection, genuine: bool, reason: str, *, document_id: str = "", by: Person, at: datetime
) -> Sequence[Fact]:
    """Check the act. Genuine: another person than who entered it. Not genuine lifts the stops, so it takes two persons
    and a document: the first call proposes, the second, by somebody else, decides."""
    require("verify-act", by)
    if protection.genuine is False or (genuine and protection.genuine):
        raise DecisionRefused("the act was verified already")
    need_own_words(reason)
    if genuine:
        if by.id == protection.registered_by:
            raise SecondPersonNeeded("who entered the act cannot verify it")
        return [ActVerified(at=at, actor=by.id, reason=reason, protection_id=protection.id, genuine=True)]
    if protection.proposed is not None and protection.proposed[1] == "not-genuine":
        return _not_genuine(protection, reason, by=by, at=at)
    return _proposed(protection, "not-genuine", reason, (), document_id, by=by, at=at)


def _not_genuine(protection: Protection, reason: str, *, by: Person, at: datetime) -> Sequence[Fact]:
    assert protection.proposed is not None
    proposer = protection.proposed[0]
    if proposer == by.id:
        raise SecondPersonNeeded("who proposed that the act is not genuine cannot also decide it")
    return [
        ActVerified(
            at=at, actor=by.id, reason=reason, protection_id=protection.id, genuine=False,
            proposed_by=proposer,
        )
    ]  # fmt: skip


def attach(
    protection: Protection, document_id: str, sha256: str, name: str, *, by: Person, at: datetime
) -> Sequence[Fact]:
    """Attach a document of the archive; once more changes nothing."""
    require("attach-document", by)
    if document_id in protection.documents:
        return []
    return [
        ActDocumentAttached(
            at=at, actor=by.id, protection_id=protection.id, document_id=document_id, sha256=sha256, name=name[:200]
        )
    ]


def rule(protection: Protection, ruling: CourtRuled) -> Sequence[Fact]:
    """Take a decision of a court; the same one again changes nothing. With another content it is a correction, for
    which somebody says why: what the first one started goes on until two persons end it."""
    _received(ruling.received_at, ruling.in_force_on, ruling.at)
    if not says_which(ruling.court, ruling.number):
        raise DecisionRefused("name the court and the number of its decision")
    told = spelt(ruling.court, ruling.number)
    held = [it for it in protection.rulings if spelt(it.court, it.number) == told]
    if any(not _differs(protection, it, ruling) for it in held[-1:]):
        return []
    if held and not own_words(ruling.reason):
        raise DecisionRefused(
            "the decision is entered already with another content: {fields}; say in your own words which is right",
            fields=", ".join(_differs(protection, held[-1], ruling)),
        )
    return [ruling]


def _differs(protection: Protection, held: CourtRuled, ruling: CourtRuled) -> list[str]:
    """Name what a decision says otherwise than it was entered before."""
    covered = set(protection.loans)
    was, now = ((set(it.loans) & covered) or covered for it in (held, ruling))
    other = {
        "ruling": held.ruling != ruling.ruling,
        "in_force_on": held.in_force_on != ruling.in_force_on,
        "loans": was != now,
    }
    return [name for name, differs in other.items() if differs]


class _Outcome(Noted):
    protection_id: str
    outcome: Outcome
    proposed_by: str


def propose_outcome(
    protection: Protection, outcome: str, reason: str, *, loans: Sequence[str] = (), document_id: str = "",
    by: Person, at: datetime,
) -> Sequence[Fact]:  # fmt: skip
    """Propose how the protection ends, or that loans do not belong to it."""
    require("propose-outcome", by)
    known = next((it for it in OUTCOMES if it == outcome), None)
    if known is None:
        raise DecisionRefused("an outcome is one of {outcomes}", outcomes=OUTCOMES)
    return _proposed(protection, known, reason, tuple(dict.fromkeys(loans)), document_id, by=by, at=at)


def _proposed(
    protection: Protection, outcome: Outcome, reason: str, loans: tuple[str, ...], document_id: str, *,
    by: Person, at: datetime,
) -> Sequence[Fact]:  # fmt: skip
    if not protection.holds or protection.outcome is not None:
        raise DecisionRefused("the protection is {state}", state=protection.state)
    if protection.proposed is not None:
        raise DecisionRefused(
            "{proposed} proposed an outcome already; somebody else must decide it", proposed=protection.proposed[0]
        )
    need_own_words(reason)
    document_id = document_id or next(
        (it.document_id for it in reversed(protection.rulings) if it.document_id and it.ruling == "act-overturned"), ""
    )
    if outcome == "release" and not any(it.ruling == "act-overturned" for it in protection.rulings):
        raise DecisionRefused("the stops are lifted on a decision of a court, or when the act is not genuine")
    known = {*protection.proofs, *(it.document_id for it in protection.rulings if it.document_id)}
    if outcome != "write-off" and document_id not in known:
        raise DecisionRefused("what lifts a stop needs the document that it rests on; attach it first")
    if outcome == "remove-loans":
        _removable(protection, loans)
    return [
        OutcomeProposed(
            at=at, actor=by.id, reason=reason, protection_id=protection.id, outcome=outcome,
            loans=loans if outcome == "remove-loans" else (), document_id=document_id,
        )
    ]  # fmt: skip


def _removable(protection: Protection, loans: Collection[str]) -> None:
    if not loans or not set(loans) <= set(protection.loans):
        raise DecisionRefused("name loans that the act covers")
    if set(loans) == set(protection.loans):
        raise DecisionRefused("an act covers at least one loan; add the right one first")


def decide_outcome(protection: Protection, agreed: bool, reason: str, *, by: Person, at: datetime) -> Sequence[Fact]:
    """Agree to the proposed outcome as a second person, or decline it."""
    require("decide-outcome", by)
    if protection.proposed is None:
        raise DecisionRefused("nobody proposed an outcome")
    proposer, outcome, _ = protection.proposed
    if proposer == by.id:
        raise SecondPersonNeeded("who proposed the outcome cannot also decide it")
    if not protection.holds:
        raise DecisionRefused("the protection is {state}", state=protection.state)
    common: _Outcome = {
        "at": at, "actor": by.id, "protection_id": protection.id, "outcome": outcome, "proposed_by": proposer,
    }  # fmt: skip
    need_own_words(reason)
    if not agreed:
        return [OutcomeDeclined(**common, reason=reason)]
    if outcome == "not-genuine":
        require("verify-act", by)
        return _not_genuine(protection, reason, by=by, at=at)
    if outcome == "remove-loans":
        loans = protection.proposed_loans
        _removable(protection, loans)
        return [
            LoansRemoved(
                at=at, actor=by.id, reason=reason, protection_id=protection.id, loans=loans,
                proposed_by=proposer,
            )
        ]  # fmt: skip
    return [OutcomeDecided(**common, reason=reason)]


def join_act(protection: Protection, into: Protection, reason: str, *, by: Person, at: datetime) -> Sequence[Fact]:
    """Let a double entry give way to its twin, which must cover all that this one covers, from no later receipt."""
    require("join-act", by)
    if protection.act is None or into.act is None or protection.id == into.id:
        raise DecisionRefused("name another act to join this one to")
    if not protection.holds or protection.outcome is not None:
        raise DecisionRefused("the protection is {state}", state=protection.state)
    if not into.holds or into.outcome is not None:
        raise DecisionRefused("the act to join it to is {state}", state=into.state)
    if by.id in (protection.registered_by, into.registered_by):
        raise SecondPersonNeeded("who entered the act cannot join it to another")
    if into.act.kind != protection.act.kind or (protection.genuine and not into.genuine):
        raise DecisionRefused("the other act is of another kind, or nobody has checked that it is genuine")
    need_own_words(reason)
    covered = set(protection.loans) <= set(into.loans) and set(protection.act.bureaus) <= set(into.act.bureaus)
    if protection.act.client != into.act.client or not covered:
        raise DecisionRefused("the other act does not cover this client with all loans and bureaus; add to it first")
    if into.act.received_at > protection.act.received_at:
        raise DecisionRefused("the other act was received later; join that one to this")
    return [ActJoined(at=at, actor=by.id, reason=reason, protection_id=protection.id, into=into.id)]


def reinstate_act(protection: Protection, reason: str, *, by: Person, at: datetime) -> Sequence[Fact]:
    """Take back what ended a protection: it holds again, with new orders; its terms count from the receipt."""
    require("reinstate-act", by)
    if not reason.strip():
        raise DecisionRefused("taking it back needs a reason")
    if not protection.id or protection.holds:
        raise DecisionRefused("the protection is {state}", state=protection.state)
    return [ActReinstated(at=at, actor=by.id, reason=reason, protection_id=protection.id, ended=protection.state)]


def violated(
    protection: Protection, incident_id: str, finding_id: str, detected_at: datetime, *, at: datetime
) -> Sequence[Fact]:
    """Note that the orders were violated; the same finding is noted once."""
    if not protection.holds or any(it.finding_id == finding_id for it in protection.violations):
        return []
    return [
        ViolationFound(
            at=at, protection_id=protection.id, incident_id=incident_id, finding_id=finding_id, detected_at=detected_at
        )
    ]
