"""What a fact means in the words that declared duties use: occasions to start, evidence, reasons to cancel.

This is the only place where facts and the vocabulary of ``engine.duties.declared`` meet. A fact is read as it stood
when it was recorded (``Context.past``), so the same log gives the same clocks whoever works first.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from engine.containment import facts as b
from engine.containment.containment import Containment
from engine.duties.clock import Clock
from engine.duties.declared import Anchor
from engine.governance import facts as g
from engine.governance.governance import Duty, duty_id, duty_specs
from engine.governance.matters import MatterArose, MatterFact, MatterReopened, MatterSettled
from engine.incidents import facts as i
from engine.incidents.incident import Incident
from engine.incidents.involved import brings_more
from engine.incidents.owing import ends_duties
from engine.kernel.facts import ENGINE
from engine.kernel.ports import Context
from engine.notices import facts as n
from engine.notices.kinds import notice_kinds
from engine.notices.notice import Notice, notice_id
from engine.policies.blocked import freed_of, surviving
from engine.policies.further import told_of_one_only
from engine.policies.meaning import Cancellation, Evidence, Meaning, Occasion
from engine.protection import facts as p
from engine.protection.protection import STOPS, Protection
from engine.terms.calendar import BusinessCalendar

INCIDENT_FACTS = (
    i.IncidentOpened, i.FindingJoined, i.FindingsTakenOver, i.ClientsNamed, i.FindingsDetached, i.IncidentAbsorbed,
    i.NotifiabilityRaised, i.NotifiabilityLowered, i.IncidentClosed, i.IncidentReopened, i.IncidentAcknowledged,
    i.ContainmentStarted, i.ContainmentLapsed, i.RecoveryConfirmed,
    i.RemediationLapsed,
)  # fmt: skip
CONTAINMENT_FACTS = (b.ReleaseOrdered, b.ReleaseConfirmed)
NOTICE_FACTS = (n.NoticeSent, n.NoticeBounced)
PROTECTION_FACTS = (
    p.ActRegistered, p.ActAmended, p.UnreadReceived, p.UnreadRead, p.CourtRuled, p.OrderAcknowledged,
    p.AcknowledgementWithdrawn, p.LoansRemoved, p.ActVerified, p.OutcomeDecided, p.ActJoined, p.ActReinstated,
)  # fmt: skip


def of_incident(context: Context, fact: object) -> Meaning:
    """Say what a fact of an incident means."""
    meaning = Meaning()
    match fact:
        case i.IncidentOpened():
            it = context.past(Incident, fact.incident_id)
            words = ("incident-opened", "incident-owes")
            meaning.occasions.append(_incident(it, words, shown=False))
        case i.FindingJoined() | i.FindingsTakenOver() | i.ClientsNamed():
            _joined(meaning, context.past(Incident, fact.incident_id), fact)
        case i.NotifiabilityRaised():
            _grow(meaning, context.past(Incident, fact.incident_id), "")
        case i.IncidentAbsorbed():
            _absorbed(meaning, context, fact)
        case i.FindingsDetached():
            _detached(meaning, context, fact)
        case i.NotifiabilityLowered():
            reason, second = f"not notifiable: {fact.reason}", fact.second_person
            meaning.cancelled.append(Cancellation(fact.incident_id, "incident-not-notifiable", reason, second))
        case i.IncidentClosed():
            meaning.evidence.append(Evidence(fact.incident_id, "incident-closed", fact.at))
            if ends_duties(fact.disposition):
                reason, second = f"closed as {fact.disposition}: {fact.reason}", fact.second_person or ENGINE
                meaning.cancelled.append(Cancellation(fact.incident_id, "incident-closed-without-duty", reason, second))
        case i.IncidentReopened():
            meaning.resumed.append((of_incident_now(context.past(Incident, fact.incident_id)), fact.reason))
        case i.IncidentAcknowledged():
            meaning.evidence.append(Evidence(fact.incident_id, "incident-acknowledged", fact.at))
        case i.ContainmentStarted():
            meaning.evidence.append(Evidence(fact.incident_id, "containment-started", fact.at))
        case i.ContainmentLapsed():
            meaning.withdrawn.append((Evidence(fact.incident_id, "containment-started", fact.at), fact.reason))
        case i.RemediationLapsed():
            meaning.withdrawn.append((Evidence(fact.incident_id, "recovery-confirmed", fact.at), fact.reason))
        case i.RecoveryConfirmed():
            meaning.evidence.append(Evidence(fact.incident_id, "recovery-confirmed", fact.at))
    return meaning


def of_incident_now(incident: Incident) -> Occasion:
    """Return the occasion that an incident is as it stands, for clocks that are counted again."""
    return _incident(incident, ("incident-owes",))


def _incident(it: Incident, words: tuple[str, ...], *, shown: bool = True) -> Occasion:
    anchors: dict[Anchor, datetime] = {}
    if it.detected_at is not None:
        anchors["detected"] = it.detected_at
    if it.classified_at is not None:
        anchors["classified"] = it.classified_at
    return Occasion("incident", it.id, words, anchors, incident=it, shown=shown)


def _grow(meaning: Meaning, it: Incident, reason: str, *, again: bool = True) -> None:
    """More is in the incident: every duty it owes runs, from the earliest detection."""
    if it.detected_at is None:
        return
    occasion = of_incident_now(it)
    meaning.occasions.append(replace(occasion, again=again))
    meaning.grown.append((occasion, reason))


def _joined(meaning: Meaning, it: Incident, fact: i.FindingJoined | i.FindingsTakenOver | i.ClientsNamed) -> None:
    """More clients, and perhaps an earlier detection: of the whole incident, or of the clients it showed."""
    if it.detected_at is None:
        return
    if isinstance(fact, i.ClientsNamed):
        meaning.occasions.append(replace(of_incident_now(it), only=fact.new_clients, again=True))
    elif isinstance(fact, i.FindingJoined) and not it.moved:
        about = replace(of_incident_now(it), only=fact.entities.clients)
        meaning.occasions.append(replace(about, again=brings_more(fact)))
        meaning.grown.append((about, "an earlier detection joined the incident"))
    else:
        _grow(meaning, it, "an earlier detection joined the incident", again=brings_more(fact))


def _absorbed(meaning: Meaning, context: Context, fact: i.IncidentAbsorbed) -> None:
    """The surviving incident takes over every duty, counted from the earlier detection."""
    other, survivor = context.past(Incident, fact.other), context.past(Incident, fact.incident_id)
    owed = fact.notifiable or fact.personal_data or other.owes
    _grow(meaning, survivor, f"{other.number} was merged into this incident", again=owed)
    meaning.occasions.extend(_supplements(context, survivor, other, fact.at))
    meaning.occasions.extend(_client_supplements(context, survivor, other, fact.at))
    proof = f"done in {other.number} before it was merged"
    if survivor.acknowledged_at is not None:
        meaning.evidence.append(Evidence(survivor.id, "incident-acknowledged", survivor.acknowledged_at, proof=proof))
    if survivor.contained_at is None and other.contained_at is None:
        uncontained = Evidence(survivor.id, "containment-started", fact.at)
        meaning.withdrawn.append((uncontained, f"{other.number} was merged into this incident and is not contained"))
    reason = f"merged into {survivor.number}, which owes the duty"
    meaning.cancelled.append(Cancellation(other.id, "incident-merged", reason, ENGINE))


def _supplements(context: Context, survivor: Incident, other: Incident, at: datetime) -> list[Occasion]:
    """The authorities that were told of one incident, and not of the other that is in it now, are owed a supplement."""
    kinds = [spec.kind for spec in notice_kinds().values() if spec.supplement and spec.per == "incident"]
    told = [
        f"incident-grew {kind}" for kind in kinds
        if _is_approved(context, kind, survivor) and not _is_approved(context, kind, other)
    ]  # fmt: skip
    if not told or not survivor.owes:
        return []
    anchors: dict[Anchor, datetime] = {"joined": _joined_at(other, at)}
    return [Occasion("incident", survivor.id, tuple(told), anchors, subject=other.number, incident=survivor)]


def _joined_at(other: Incident, at: datetime) -> datetime:
    """When what was merged in was known: its detection, or the merge where it owed nothing by itself."""
    return other.detected_at if other.notifiable and other.detected_at is not None else at


def _client_supplements(context: Context, survivor: Incident, other: Incident, at: datetime) -> list[Occasion]:
    """Clients who were told of one incident, and not of the other that is in it now and touches them too."""
    found = []
    for spec in notice_kinds().values():
        owed = spec.supplement and spec.per == "client" and survivor.owes
        if owed and (clients := told_of_one_only(context, spec.kind, survivor, other)):
            anchors: dict[Anchor, datetime] = {"joined": _joined_at(other, at)}
            found.append(
                Occasion("incident", survivor.id, (f"incident-grew {spec.kind}",), anchors, incident=survivor,
                         only=clients, about=other.number)
            )  # fmt: skip
    return found


def _is_approved(context: Context, kind: str, incident: Incident) -> bool:
    notice = context.past(Notice, notice_id(kind, incident.id, ""))
    return notice.approved_at is not None and not notice.withdrawn


def _detached(meaning: Meaning, context: Context, fact: i.FindingsDetached) -> None:
    """Clients that are not in this incident any more are owed nothing here, if the other incident owes it."""
    elsewhere = context.past(Incident, fact.into)
    if elsewhere.notifiable:
        left = context.past(Incident, fact.incident_id).entities.clients
        reason = f"moved to {elsewhere.number}, which owes the duty"
        meaning.cancelled.append(Cancellation(fact.incident_id, "client-moved", reason, ENGINE, keep=left))


def of_notice(context: Context, fact: n.NoticeSent | n.NoticeBounced) -> Meaning:
    """Say what became of a notice means: it does its duty when every recipient took it, and not when it came back."""
    meaning = Meaning()
    notice = context.past(Notice, fact.notice_id)
    owner, kind, stage, subject = notice.incident_id, notice.kind, notice.stage, notice.subject
    if isinstance(fact, n.NoticeBounced):
        false = Evidence(owner, "notice-sent", fact.at, kind, stage, subject, since=notice.approved_at)
        meaning.withdrawn.append((false, f"the notice came back: {fact.status}"))
    elif notice.sent_at is not None:
        since = notice.approved_at
        meaning.evidence.append(Evidence(owner, "notice-sent", notice.sent_at, kind, stage, subject, since=since))
    return meaning


def of_protection(context: Context, fact: object) -> Meaning:
    """Say what a fact of a protection means."""
    match fact:
        case p.UnreadReceived():
            word = "act-unread" if fact.what == "act" else "court-decision-unread"
            anchors: dict[Anchor, datetime] = {"received": fact.received_at}
            return Meaning(occasions=[Occasion("incident", fact.incident_id, (word,), anchors)])
        case p.OrderAcknowledged() | p.AcknowledgementWithdrawn() | p.UnreadRead():
            return _carried_out(context, fact)
        case p.LoansRemoved():
            return _without_loans(context, fact)
        case p.ActVerified(genuine=False) | p.OutcomeDecided(outcome="release") | p.ActJoined() | p.ActReinstated():
            return _ended(context, fact)
    return _began(context, fact)


def _began(context: Context, fact: object) -> Meaning:
    """An act, an addition to it or a decision of a court came in: terms run from its receipt."""
    meaning = Meaning()
    match fact:
        case p.ActRegistered():
            court = ("court-decision-registered",) if fact.act.kind == "court_decision" else ()
            anchors: dict[Anchor, datetime] = {"received": fact.act.received_at}
            meaning.occasions.append(Occasion("protection", fact.protection_id, ("act-registered", *court), anchors))
        case p.ActAmended():
            added: dict[Anchor, datetime] = {"received": fact.received_at}
            occasion = Occasion("protection", fact.protection_id, ("act-registered",), added, subject=fact.part)
            meaning.occasions.append(occasion)
        case p.CourtRuled(ruling="debt-void" | "debt-partly-void"):
            received: dict[Anchor, datetime] = {"received": fact.received_at}
            meaning.occasions.append(Occasion("protection", fact.protection_id, ("debt-void-ruled",), received))
    return meaning


def _without_loans(context: Context, fact: p.LoansRemoved) -> Meaning:
    """Nothing is owed any more for the act, or an addition to it, of which no loan is left."""
    it = context.past(Protection, fact.protection_id)
    assert it.act is not None
    loans_of = {"": it.act.loans, **{part.part: part.loans for part in it.amendments}}
    kept = tuple(part for part, loans in loans_of.items() if not set(loans) <= set(it.removed))
    reason = f"the loans do not belong to the act: {fact.reason}"
    return Meaning(cancelled=[Cancellation(it.id, "loans-removed", reason, fact.proposed_by, keep=kept)])


def _carried_out(context: Context, fact: p.OrderAcknowledged | p.AcknowledgementWithdrawn | p.UnreadRead) -> Meaning:
    """Say which duties of a protection, and of what could not be read when it came in, are done now, or are not."""
    meaning = Meaning()
    it = context.past(Protection, fact.protection_id)
    if isinstance(fact, p.OrderAcknowledged | p.AcknowledgementWithdrawn):
        order = it.orders[fact.order_id]
        kinds: list[tuple[p.OrderKind, str]] = [(order.kind, order.part)]
    else:
        kinds = list(dict.fromkeys((order.kind, order.part) for order in it.orders.values() if not order.superseded))
    for kind, part in kinds:
        orders = [o for o in it.orders.values() if (o.kind, o.part) == (kind, part) and not o.superseded]
        done = max((o.acknowledged_at for o in orders if o.acknowledged_at), default=None)
        whole = it.holds and all(it.all_acknowledged(kind, one) for one in _parts(it, kind))
        owners = [(it.id, part, it.all_acknowledged(kind, part)), *((incident, "", whole) for incident in it.unread)]
        for owner, subject, all_done in owners:
            if all_done and done is not None:
                evidence = Evidence(owner, "orders-acknowledged", done, about=kind, subject=subject)
                meaning.evidence.append(evidence)
            elif isinstance(fact, p.AcknowledgementWithdrawn):
                false = Evidence(owner, "orders-acknowledged", fact.at, about=kind, subject=subject)
                meaning.withdrawn.append((false, f"the acknowledgement was taken back: {fact.reason}"))
    return meaning


def _parts(it: Protection, kind: p.OrderKind) -> tuple[str, ...]:
    """The parts of an act that have a loan left, each with orders of its own; of other orders there is one."""
    loans_of = {"": it.act.loans if it.act else (), **{part.part: part.loans for part in it.amendments}}
    return tuple(part for part in it.parts if set(loans_of[part]) - set(it.removed)) if kind in STOPS else ("",)


def _not_carried_out(it: Protection, at: datetime, reason: str) -> list[tuple[Evidence, str]]:
    """What could not be read and was carried out by this act is owed again."""
    return [
        (Evidence(incident, "orders-acknowledged", at, about=kind), reason)
        for incident in it.unread for kind in (*STOPS, "write-off")
    ]  # fmt: skip


def _ended(context: Context, fact: p.ActVerified | p.OutcomeDecided | p.ActJoined | p.ActReinstated) -> Meaning:
    """A protection ended, or what ended it was taken back."""
    meaning, key = Meaning(), fact.protection_id
    it = context.past(Protection, key)
    match fact:
        case p.ActVerified():
            second = fact.proposed_by or it.registered_by
            meaning.cancelled.append(Cancellation(key, "act-not-genuine", "the act is not genuine", second))
            meaning.withdrawn += _not_carried_out(it, fact.at, "the act that carried it out is not genuine")
        case p.OutcomeDecided():
            meaning.cancelled.append(
                Cancellation(key, "protection-released", f"released: {fact.reason}", fact.proposed_by)
            )
        case p.ActJoined():
            reason = f"joined to another entry of the act: {fact.reason}"
            meaning.cancelled.append(Cancellation(key, "act-joined", reason, it.registered_by))
        case p.ActReinstated():
            assert it.act is not None
            again = Occasion("protection", key, ("act-registered",), {"received": it.act.received_at})
            reason = f"the protection was reinstated: {fact.reason}"
            meaning.resumed.append((again, reason))
            meaning.withdrawn += _not_carried_out(it, fact.at, reason)
            for kind in STOPS:  # what was done was undone; the new orders are still to be carried out
                for part in it.parts:
                    false = Evidence(key, "orders-acknowledged", fact.at, about=kind, subject=part)
                    meaning.withdrawn.append((false, reason))
    return meaning


def of_containment(context: Context, fact: b.ReleaseOrdered | b.ReleaseConfirmed) -> Meaning:
    """Say what a release means: it is a duty of the house until it is confirmed."""
    owner, key = context.past(Containment, fact.containment_id).incident_id, fact.containment_id
    if isinstance(fact, b.ReleaseConfirmed):
        evidence = [Evidence(owner, "release-confirmed", fact.done_at, subject=key)]
        return Meaning(evidence=evidence, occasions=_free_again(context, surviving(context, owner), fact))
    if not fact.subjects:
        return Meaning()
    anchors: dict[Anchor, datetime] = {"ordered": fact.at}
    return Meaning(occasions=[Occasion("incident", owner, ("release-ordered",), anchors, subject=key)])


def _free_again(context: Context, incident: Incident, fact: b.ReleaseConfirmed) -> list[Occasion]:
    """The clients whose access, or payout, really was blocked, and is not any more."""
    clients = tuple(freed_of(context, incident, fact.containment_id))
    anchors: dict[Anchor, datetime] = {"released": fact.done_at}
    words = ("release-confirmed",)
    return (
        [Occasion("incident", incident.id, words, anchors, only=clients, about=fact.containment_id)] if clients else []
    )


def of_duty(context: Context, fact: object, calendar: BusinessCalendar) -> Meaning:
    """Say what a fact of a returning duty or a corrective action means."""
    meaning = Meaning()
    match fact:
        case g.DutyDone():
            # A day that is reported late makes nothing earlier or later than its close of office.
            done_at = min(fact.at, calendar.close_at(fact.done_on))
            day = fact.done_on.isoformat()
            meaning.evidence.append(Evidence(fact.duty_id, "duty-done", done_at, about=fact.key, subject=day))
            if context.past(Duty, fact.duty_id).last_on == fact.done_on:
                anchors: dict[Anchor, datetime] = {"done-on": calendar.start_of_day(fact.done_on)}
                meaning.occasions.append(
                    Occasion("duty", fact.duty_id, (f"duty-done {fact.key}",), anchors, subject=day)
                )
        case g.ActionPlanned():
            due = calendar.close_at(fact.due_on)
            planned: dict[Anchor, datetime] = {"planned": min(fact.at, due)}
            meaning.occasions.append(
                Occasion("duty", fact.duty_id, ("action-planned",), planned, subject=fact.action_id, until=due)
            )
        case g.ActionClosed():
            meaning.evidence.append(Evidence(fact.duty_id, "action-closed", fact.at, subject=fact.action_id))
    return meaning


def of_beginning(context: Context, fact: g.ServiceBegan) -> Meaning:
    """Say what it means that the worker ran for the first time: returning duties that were never done are due."""
    meaning = Meaning()
    for key in duty_specs():
        owner = duty_id(key)
        if context.past(Duty, owner).last_on is None:
            began: dict[Anchor, datetime] = {"began": fact.at}
            meaning.occasions.append(Occasion("duty", owner, ("service-began",), began))
    return meaning


def of_matter(fact: MatterFact) -> Meaning:
    """Say what it means that another system told of a matter, that it was answered, or that it was not after all."""
    meaning = Meaning()
    if isinstance(fact, MatterArose):
        anchors: dict[Anchor, datetime] = {"arose": fact.arose_at}
        word = "matter-arose" if fact.until is None else "matter-set"
        words = (f"{word} {fact.kind}",)
        meaning.occasions.append(
            Occasion("duty", fact.matter_id, words, anchors, subject=fact.subject, until=fact.until)
        )
    elif isinstance(fact, MatterSettled | MatterReopened) and fact.subject:
        evidence = Evidence(fact.matter_id, "matter-settled", fact.settled_at, about=fact.kind, subject=fact.subject)
        if isinstance(fact, MatterSettled):
            meaning.evidence.append(evidence)
        else:
            meaning.withdrawn.append((evidence, f"not answered after all: {fact.evidence}"))
    return meaning


def of_clock(clock: Clock) -> Meaning:
    """Say what it means that a clock was satisfied: the report after it may be owed now."""
    meaning = Meaning()
    if clock.satisfied_at is not None:
        anchors: dict[Anchor, datetime] = {"submitted": clock.satisfied_at}
        words = (f"report-submitted {clock.kind}",)
        meaning.occasions.append(Occasion(clock.owner_kind, clock.owner_id, words, anchors, subject=clock.subject))
    return meaning
