"""One line of words for each fact."""

from __future__ import annotations

from datetime import UTC, datetime

from engine.containment import facts as b
from engine.duties import facts as c
from engine.governance import facts as g
from engine.governance.matters import MatterArose, MatterPartTold, MatterReopened, MatterSettled
from engine.incidents import facts as i
from engine.kernel.errors import n_
from engine.kernel.facts import Fact
from engine.kernel.timestamps import iso
from engine.kernel.trouble import Trouble, told
from engine.notices import facts as n
from engine.protection import facts as p
from reports.messages import day, listed, moment, say, spoken, word
from reports.phrases import policy, proof
from reports.said.answers import answer, subject, system
from reports.said.reasons import channel
from reports.wording import NAMES


def describe(fact: Fact, names: dict[str, str]) -> str | None:
    """Say in words what a fact of the core means; None for one of others. ``names`` are the words for ids."""
    for ours in (_incident, _casework, _clock, _notice, _protection, _containment, _duty):
        text = ours(fact, names)
        if text is not None:
            return text
    if isinstance(fact, Trouble):
        _, text, values = told(fact)
        return say(text, **values)
    return None


def _incident(fact: Fact, names: dict[str, str]) -> str | None:
    match fact:
        case i.IncidentOpened():
            if fact.rule_name:
                return say("Incident {number} opened by rule {rule}", number=fact.number, rule=fact.rule_name)
            told_by = word(fact.reported_by)
            return say("Incident {number} opened by hand, told by {told_by}", number=fact.number, told_by=told_by)
        case i.FindingJoined():
            if not fact.new_clients:
                return say("Another finding of {rule} joined", rule=fact.rule_name)
            clients = ", ".join(fact.new_clients[:5])
            return say("Another finding of {rule} joined, new clients: {clients}", rule=fact.rule_name, clients=clients)
        case i.IncidentAssigned():
            return say("Assigned to {assignee}", assignee=fact.assignee)
        case i.IncidentAcknowledged():
            return say("Acknowledged")
        case i.NoteAdded():
            return fact.text
        case i.SeverityChanged():
            return say("Severity is now {severity}", severity=word(fact.severity))
        case i.ContainmentStarted():
            return say("Contained: {action}", action=fact.action)
        case i.ContainmentLapsed():
            return say("Not contained any more: {reason}", reason=fact.reason)
        case i.CauseEliminated():
            return say("Cause eliminated: {evidence}", evidence=fact.evidence)
        case i.ConsequenceEliminated():
            return say("Consequences eliminated: {evidence}", evidence=fact.evidence)
        case i.RemediationLapsed():
            return say("Cause and consequences are to be eliminated again: {reason}", reason=fact.reason)
        case i.RecoveryConfirmed():
            return say("Normal state confirmed: {evidence}", evidence=fact.evidence)
        case i.ClosureProposed():
            disposition = word(fact.disposition)
            return say("Closing proposed as {disposition}; a second person must agree", disposition=disposition)
        case i.IncidentClosed():
            return say("Closed as {disposition}", disposition=word(fact.disposition))
        case i.IncidentReopened():
            return say("Reopened")
        case i.LessonsRecorded():
            return say("Lessons: {lessons} Actions: {actions}", lessons=fact.lessons, actions=fact.actions)
    return None


def _casework(fact: Fact, names: dict[str, str]) -> str | None:
    match fact:
        case i.IncidentMerged():
            return say("Merged into {incident}", incident=names.get(fact.into, say("another incident")))
        case i.IncidentAbsorbed():
            other = names.get(fact.other, say("Another incident"))
            return say("{incident} was merged into this one", incident=other)
        case i.FindingsDetached():
            into = names.get(fact.into, say("another incident"))
            return say("{n} finding(s) moved to {incident}", n=len(fact.findings), incident=into)
        case i.FindingsTakenOver():
            other = names.get(fact.other, say("another incident"))
            return say("{n} finding(s) taken over from {incident}", n=len(fact.parts), incident=other)
        case i.IncidentLinked():
            other = names.get(fact.other, say("another incident"))
            return say("Linked with {incident} ({relation})", incident=other, relation=word(fact.relation))
        case i.IncidentUnlinked():
            return say("No longer linked with {incident}", incident=names.get(fact.other, say("another incident")))
        case i.NotifiabilityRaised():
            return say("The law's duties hold for this incident")
        case i.NotifiabilityLoweringProposed():
            return say("Proposed: the law's duties do not hold; a second person must agree")
        case i.NotifiabilityLowered():
            return say("The law's duties do not hold (proposed by {person})", person=fact.second_person)
        case i.ClientsNamed():
            named = ", ".join((*fact.entities.clients, *fact.entities.loans)[:8])
            return say("Affected clients named: {clients}", clients=named)
        case i.FindingSuppressed():
            return say("A finding with the same key came and was suppressed")
        case i.SuppressionSet():
            return say("Further findings with this key open nothing until {until}", until=_instant(fact.until))
    return None


def _clock(fact: Fact, names: dict[str, str]) -> str | None:
    if not isinstance(fact, c.FACTS):
        return None
    name = names.get(str(getattr(fact, "clock_id", "")), say("Clock"))
    match fact:
        case c.ClockStarted():
            if fact.by_hand:
                return say("{name}: clock started by hand ({policy})", name=name, policy=policy(fact.policy))
            return say("{name}: clock started ({policy})", name=name, policy=policy(fact.policy))
        case c.ClockMarkReached():
            told = _told(fact.escalated_to)
            return say(
                "{name}: {percent} % of the term used; alert to {told}", name=name, percent=fact.percent, told=told
            )
        case c.ClockWentLate():
            return say("{name}: the strict instant has passed", name=name)
        case c.ClockBreached():
            return say("{name}: BREACHED; alert to {told}", name=name, told=_told(fact.escalated_to))
        case c.ClockReminded():
            told, days = _told(fact.escalated_to), fact.after_days
            return say(
                "{name}: still owed {days} days after the breach; alert to {told}", name=name, days=days, told=told
            )
        case c.ClockSatisfied():
            if fact.late:
                return say("{name}: satisfied late by {proof}", name=name, proof=proof(fact.proof))
            return say("{name}: satisfied by {proof}", name=name, proof=proof(fact.proof))
        case c.ClockProofWithdrawn():
            return say("{name}: owed again", name=name)
        case c.ClockCancellationProposed():
            return say("{name}: cancelling proposed; a second person must agree", name=name)
        case c.ClockCancelled():
            return say("{name}: cancelled by two persons, with {person}", name=name, person=fact.second_person)
        case c.ClockResumed():
            return say("{name}: resumed", name=name)
        case c.ClockRecounted():
            due = _instant(fact.due_at)
            if fact.counted_due_at > fact.due_at:
                text = n_("{name}: counted again, due {due}; the new calendar would give a later one")
                return say(text, name=name, due=due)
            return say("{name}: counted again, due {due}", name=name, due=due)
        case c.ClockLaterAccepted():
            return say("{name}: the later deadline was accepted", name=name)
    return say("{name}: counted from an earlier detection", name=name)


def _told(roles: tuple[str, ...]) -> str:
    return listed(roles) or say("nobody")


def _instant(at: datetime) -> str:
    return moment(at, UTC, seconds=False) + " UTC" if spoken() != "en" else f"{iso(at)[:16]}Z"


def _notice(fact: Fact, names: dict[str, str]) -> str | None:
    if not isinstance(fact, n.FACTS):
        return None
    name = names.get(str(getattr(fact, "notice_id", "")), say("Notice"))
    return _text(fact, name) or _fate(fact, name) or say("{name}: withdrawn", name=name)


def _text(fact: Fact, name: str) -> str | None:
    """Tell what was done to a text until it was approved; None for what became of it afterwards."""
    match fact:
        case n.NoticeDrafted():
            return say("{name}: drafted", name=name)
        case n.NoticeRedrafted():
            return say("{name}: drafted anew, the incident has changed", name=name)
        case n.NoticeEdited():
            return say("{name}: edited ({language})", name=name, language=NAMES.get(fact.language, fact.language))
        case n.NoticeSubmitted():
            return say("{name}: submitted for review", name=name)
        case n.NoticeReturned():
            return say("{name}: given back", name=name)
        case n.NoticeApproved(as_last=True):
            return say(
                "{name}: approved by the head of the house alone, content {hash}…: {reason}",
                name=name,
                hash=fact.content_hash[:12],
                reason=fact.reason,
            )
        case n.NoticeApproved(addressees=number) if number:
            return say(
                "{name}: approved for {clients} clients, content {hash}…, list {list}…", name=name, clients=number,
                hash=fact.content_hash[:12], list=fact.list_sha256[:12],
            )  # fmt: skip
        case n.NoticeApproved():
            return say("{name}: approved, content {hash}…", name=name, hash=fact.content_hash[:12])
        case n.NoticeSigned():
            return say(
                "{name}: signed digitally by {signer}, certificate {certificate}, verified by {source}", name=name,
                signer=fact.signer, certificate=fact.certificate, source=fact.verified_by,
            )  # fmt: skip
        case n.NoticeSignedByHand():
            text = n_("{name}: {person} says that the paper is signed by hand; scan {hash}…")
            return say(text, name=name, person=fact.actor, hash=fact.document_sha256[:12])
    return None


def _fate(fact: Fact, name: str) -> str | None:
    """Tell what became of an approved notice; None for what is neither this nor of its text."""
    match fact:
        case n.NoticeArrivalClaimed():
            values = {"recipient": fact.recipient, "channel": fact.channel, "reference": fact.reference}
            text = n_(
                "{name}: said to have reached {recipient} by {channel}, reference {reference}; a second person "
                "must say the same"
            )
            return say(text, name=name, **values)
        case n.NoticeAddressProposed():
            text = n_("{name}: another address named, {recipient}; a second person must approve it")
            return say(text, name=name, recipient=fact.recipient)
        case n.NoticeAddressRefused():
            return say("{name}: the address {recipient} was refused", name=name, recipient=fact.recipient)
        case n.NoticeListed():
            return say("{name}: {clients} clients listed", name=name, clients=len(fact.clients))
        case n.NoticeAddressed():
            return say("{name}: addressed with the approved text", name=name)
        case n.NoticeHandedOver():
            text = n_("{name}: taken by {channel}, reference {reference}; whether it was delivered is still to be said")
            return say(text, name=name, channel=fact.channel, reference=fact.reference)
        case n.NoticeSpooled():
            return say(
                "{name}: only laid into the spool, nobody was told: {detail}", name=name, detail=say(fact.detail)
            )
        case n.NoticeFailuresResent():
            return say("{name}: another try ordered at everybody at whom it failed", name=name)
        case n.NoticeSent():
            values = {"channel": channel(fact.channel), "recipient": fact.recipient, "reference": fact.transport_ref}
            return say("{name}: sent by {channel} to {recipient}, reference {reference}", name=name, **values)
        case n.NoticeRefused():
            return say("{name}: REFUSED: {answer}", name=name, answer=answer(fact.answer))
        case n.NoticeUnknown():
            return say("{name}: nobody knows whether it arrived: {detail}", name=name, detail=answer(fact.detail))
        case n.NoticeBounced():
            why = f"{fact.status} {answer(fact.detail)}"
            return say("{name}: CAME BACK from {recipient}: {answer}", name=name, recipient=fact.recipient, answer=why)
        case n.NoticeResendOrdered():
            text = n_("{name}: try {attempt} ordered, to {recipient}")
            if fact.repeat:
                text = n_("{name}: try {attempt} ordered, to {recipient}, marked as a repeat")
            return say(text, name=name, attempt=fact.attempt, recipient=fact.recipient)
        case n.NoticeReceipted():
            on = day(fact.received_on)
            return say("{name}: receipt {reference} of {day}", name=name, reference=fact.reference, day=on)
    return None


def _protection(fact: Fact, names: dict[str, str]) -> str | None:
    match fact:
        case p.ActRegistered():
            return say("Act {number} of {issuer} entered", number=fact.act.number, issuer=fact.act.issuer)
        case p.ActAmended():
            return say("Added to the act: {loans}", loans=", ".join(fact.loans))
        case p.LoansRemoved():
            loans, person = ", ".join(fact.loans), fact.proposed_by
            return say("Found not to belong to the act: {loans} (proposed by {person})", loans=loans, person=person)
        case p.ActJoined():
            return say("Joined to another entry of the same act")
        case p.ActReinstated():
            return say("The protection holds again; the orders go out again")
        case p.UnreadNamed():
            incident = names.get(fact.incident_id, say("the incident"))
            return say("Said to be what could not be read: {incident}; a second person must agree", incident=incident)
        case p.UnreadRead():
            incident = names.get(fact.incident_id, say("the incident"))
            return say("It is what could not be read: see {incident}", incident=incident)
        case p.ActVerified():
            return say("Act found genuine") if fact.genuine else say("Act found NOT genuine; the stops are lifted")
        case p.ActDocumentAttached():
            return say("Document attached: {name}, SHA-256 {hash}…", name=fact.name, hash=fact.sha256[:12])
        case p.CourtRuled():
            values = {"number": fact.number, "court": fact.court, "ruling": word(fact.ruling)}
            return say("Court decision {number} of {court}: {ruling}", **values)
        case p.OutcomeProposed():
            return say("Proposed: {outcome}; a second person must decide", outcome=word(fact.outcome))
        case p.OutcomeDecided():
            outcome, person = word(fact.outcome), fact.proposed_by
            return say("Decided: {outcome} (proposed by {person})", outcome=outcome, person=person)
        case p.OutcomeDeclined():
            outcome, person = word(fact.outcome), fact.proposed_by
            return say("Declined: {outcome} (proposed by {person})", outcome=outcome, person=person)
        case p.OrderIssued():
            return say("Order: {order} → {target}", order=word(fact.kind), target=system(fact.target))
        case p.ViolationFound():
            return say("VIOLATED: see {incident}", incident=names.get(fact.incident_id, say("the incident")))
    return _order(fact, names.get(str(getattr(fact, "order_id", "")), say("order")))


def _order(fact: Fact, order: str) -> str | None:
    match fact:
        case p.OrderHandedOver(channel="http"):
            return say("Taken, not yet carried out: {order}, {reference}", order=order, reference=fact.reference)
        case p.OrderHandedOver():
            return say("Sent as a letter: {order}, {reference}", order=order, reference=fact.reference)
        case p.OrderAnswered(verdict="refused"):
            return say("REFUSED: {order} ({detail})", order=order, detail=answer(fact.detail))
        case p.OrderAnswered():
            return say("Answered, but not done: {order} ({detail})", order=order, detail=answer(fact.detail))
        case p.OrderAcknowledged() if fact.proposed_by:
            values = {"order": order, "reference": fact.reference, "person": fact.proposed_by}
            return say("Carried out, as {person} vouches: {order}, reference {reference}", **values)
        case p.OrderAcknowledged():
            return say("Acknowledged: {order}, reference {reference}", order=order, reference=fact.reference)
        case p.AcknowledgementProposed():
            values = {"order": order, "reference": fact.reference}
            return say("Said to be carried out: {order}, reference {reference}; a second person must agree", **values)
        case p.AcknowledgementWithdrawn():
            return say("NOT carried out after all: {order}", order=order)
        case p.OrderOverdue():
            text = n_("NOT acknowledged after {n} tries: {order} ({answer})")
            return say(text, order=order, n=fact.attempts, answer=answer(fact.last_answer))
        case p.OrderRevoked():
            return say("Not tried any more: {order}", order=order)
    return None


def _containment(fact: Fact, names: dict[str, str]) -> str | None:
    match fact:
        case b.ContainmentOrdered():
            subjects = ", ".join(subject(it.name) for it in fact.subjects)
            return say("Ordered: {order} for {subjects}", order=word(fact.order), subjects=subjects)
        case b.ContainmentConfirmed():
            return say("Confirmed for all subjects, reference {reference}", reference=fact.reference)
        case b.ContainmentAnswered() | b.ReleaseAnswered():
            return say("Answered, but not done: {order} ({detail})", order=say("order"), detail=answer(fact.detail))
        case b.ReleaseProposed():
            return say("Release proposed; a second person must agree")
        case b.ReleaseOrdered():
            freed, kept = (", ".join(subject(it.name) for it in part) or "—" for part in (fact.subjects, fact.kept))
            return say("Release ordered for {subjects}; still held: {kept}", subjects=freed, kept=kept)
        case b.ReleaseConfirmed():
            return say("Everything is released, reference {reference}", reference=fact.reference or fact.reason)
    return None


def _duty(fact: Fact, names: dict[str, str]) -> str | None:
    match fact:
        case MatterArose():
            return say("Told by another system: {about}", about=fact.subject)
        case MatterSettled():
            return say("Answered: {evidence}", evidence=fact.evidence)
        case MatterReopened():
            return say("Not answered after all: {evidence}", evidence=fact.evidence)
        case MatterPartTold():
            return None
        case g.MemberKnown() | g.MemberGone():
            return None
        case g.MemberDone():
            values = {"day": day(fact.done_on), "member": fact.member, "evidence": fact.evidence}
            return say("Done on {day} for {member}: {evidence}", **values)
        case g.DutyDone():
            return say("Done on {day}: {evidence}", day=day(fact.done_on), evidence=fact.evidence)
        case g.ActionPlanned():
            values = {"owner": fact.owner, "day": day(fact.due_on), "text": fact.text}
            return say("Action for {owner} until {day}: {text}", **values)
        case g.ActionClosed():
            return say("Action carried out: {evidence}", evidence=fact.evidence)
        case g.EvidenceRecorded():
            return say("Evidence: {text}", text=fact.text)
        case g.RiskEntered():
            return say("Risk entered: {threat}", threat=fact.threat)
        case g.RiskScored():
            loss = f"{fact.confidentiality}/{fact.integrity}/{fact.availability}"
            text = n_("Scored by {expert}: likelihood {likelihood}, loss {loss}")
            return say(text, expert=fact.expert, likelihood=fact.likelihood, loss=loss)
        case g.RiskTreated():
            return say("Treatment: {treatment}. {measures}", treatment=word(fact.treatment), measures=fact.measures)
    return None
