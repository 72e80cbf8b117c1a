"""What an incident blocks grows with it and ends with it: more subjects are ordered, and all is released at its end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from engine.containment import containment
from engine.containment import facts as b
from engine.containment.containment import Containment, subjects_for
from engine.incidents import facts as i
from engine.incidents.incident import Incident
from engine.kernel.answers import Judged, Subject
from engine.kernel.facts import ENGINE, Fact, StoredFact
from engine.kernel.messages import ContainmentMessage
from engine.kernel.ports import Context, Intent
from engine.kernel.timestamps import iso
from engine.policies.acts import protecting


class ContainmentPolicy:
    """Orders further subjects while an incident is open, and the release when it ends without one."""

    name: str = "containment"
    after: tuple[str, ...] = ()
    answers: tuple[type[Fact], ...] = (
        i.FindingJoined, i.FindingsTakenOver, i.ClientsNamed, i.IncidentAbsorbed, i.IncidentClosed,
        b.ContainmentAnswered, b.ContainmentConfirmed,
    )  # fmt: skip

    def answer(self, context: Context, stored: StoredFact) -> None:
        """Answer one fact of an incident."""
        match stored.fact:
            case i.IncidentClosed(disposition="false_positive" | "benign_positive") as fact:
                reason = f"the incident was closed as {fact.disposition}"
                for key in containments_of(context, fact.incident_id):
                    it = context.load(Containment, key)
                    facts = containment.order_release(
                        it, held_elsewhere(context, it), reason, at=context.at, actor=ENGINE
                    )
                    give_release(context, it, facts)
            case i.FindingJoined() | i.FindingsTakenOver() | i.ClientsNamed() | i.IncidentAbsorbed() as fact:
                self._grow(context, fact.incident_id)
                if _unremedied(context, fact):
                    self._not_remedied(context, fact.incident_id)
            case b.ContainmentAnswered(verdict="refused" | "unclear") as fact:
                self._not_contained(context, fact)
            case b.ContainmentConfirmed() as fact:
                self._contained(context, context.past(Containment, fact.containment_id).incident_id)

    def _not_contained(self, context: Context, fact: b.ContainmentAnswered) -> None:
        """Say that an incident is not contained after all: of who joined after that was said the block is refused."""
        it = context.past(Containment, fact.containment_id)
        incident = _surviving(context, it.incident_id)
        said, ordered_at = incident.contained_at, it.ordered_at
        by_hand_since = (
            incident.contained_by != ENGINE and said is not None and (ordered_at is None or ordered_at <= said)
        )
        if not by_hand_since:
            self._lapse(context, incident, fact.detail)

    def _lapse(self, context: Context, incident: Incident, reason: str) -> None:
        if incident.is_open and incident.contained_at is not None:
            lapsed = i.ContainmentLapsed(at=context.at, incident_id=incident.id, reason=reason)
            context.record(Incident, incident.id, [lapsed])

    def _not_remedied(self, context: Context, incident_id: str) -> None:
        """Say that an incident is not remedied: what joined it was not there when that was said."""
        before, incident = context.past(Incident, incident_id), context.load(Incident, incident_id)
        done = all(
            it.recovered_at is not None or it.cause_eliminated or it.consequence_eliminated for it in (before, incident)
        )
        if incident.is_open and done:
            reason = "what joined the incident is not remedied yet"
            context.record(
                Incident, incident.id, [i.RemediationLapsed(at=context.at, incident_id=incident.id, reason=reason)]
            )

    def _contained(self, context: Context, incident_id: str) -> None:
        """Say that it is contained again once everything that was ordered is confirmed."""
        incident = _surviving(context, incident_id)
        if not (incident.is_open and incident.lapsed):
            return
        held = [context.load(Containment, key) for key in containments_of(context, incident.id)]
        if all(it.confirmed_at is not None or it.release_ordered_at is not None for it in held):
            action = "everything that was ordered is confirmed: " + ", ".join(sorted({it.order or "" for it in held}))
            context.record(
                Incident, incident.id, [i.ContainmentStarted(at=context.at, incident_id=incident.id, action=action)]
            )

    def _grow(self, context: Context, incident_id: str) -> None:
        """Order what joined: the same order as before, for the subjects it does not name yet."""
        keys = context.find(Containment, incident_id=incident_id)
        if not keys:
            return
        incident = context.past(Incident, incident_id)
        if not incident.is_open:
            return
        held = [context.load(Containment, key) for key in keys]
        for order in dict.fromkeys(it.order for it in held if it.order is not None):
            named = {subject.name for it in held if it.order == order for subject in it.subjects}
            more = tuple(it for it in subjects_for(order, incident.entities) if it.name not in named)
            if not more:
                continue
            named_now = ", ".join(it.id for it in more[:5])
            if incident.contained_at is not None:
                self._lapse(context, context.load(Incident, incident_id), f"not confirmed yet: {named_now}")
            key = containment.containment_id(incident_id, order, more)
            fact = ordered(context, key, incident_id, order, more)
            body = body_of(order, key, incident, more, iso(fact.at))
            message = ContainmentMessage(system="access", containment_id=key, order=order, body=body)
            context.intend(Intent(key, message))


def containments_of(context: Context, incident_id: str) -> list[str]:
    """Return the ids of what an incident blocks, with what was blocked for those that were merged into it."""
    return sorted(key for it in _family(context, incident_id) for key in context.find(Containment, incident_id=it))


def _family(context: Context, incident_id: str) -> set[str]:
    """An incident, those that were merged into it, and the one that it was merged into."""
    found, left = {incident_id}, [incident_id]
    while left:
        it = context.load(Incident, left.pop())
        more = {*it.absorbed, *([it.merged_into] if it.merged_into else [])} - found
        found |= more
        left += sorted(more)
    return found


def _unremedied(context: Context, fact: Fact) -> bool:
    """Say whether something that owes a remedy joined, to an incident that was remedied before."""
    match fact:
        case i.FindingJoined():
            return fact.notifiable
        case i.FindingsTakenOver():
            return any(part.notifiable for part in fact.parts)
        case i.IncidentAbsorbed():
            other = context.past(Incident, fact.other)
            return fact.notifiable and other.recovered_at is None
    return False


def _surviving(context: Context, incident_id: str) -> Incident:
    """Return the incident that one is part of now."""
    incident = context.load(Incident, incident_id)
    while incident.merged_into is not None:
        incident = context.load(Incident, incident.merged_into)
    return incident


def ordered(
    context: Context, key: str, incident_id: str, order: b.ContainmentOrder, subjects: tuple[Subject, ...]
) -> b.ContainmentOrdered:
    """Record that subjects are to be blocked or held."""
    fact = b.ContainmentOrdered(
        at=context.at, containment_id=key, incident_id=incident_id, order=order, subjects=subjects
    )
    if not context.load(Containment, key).id:
        context.record(Containment, key, [fact])
    return fact


def by_hand(context: Context, incident: Incident, order: b.ContainmentOrder, words: str, actor: str) -> None:
    """Record what a person says was blocked by hand: what was ordered in vain, and all that was never ordered.

    So it has its counterpart too: it is released when the incident ends without one, and its length is known.
    """
    held = [context.load(Containment, key) for key in context.find(Containment, incident_id=incident.id)]
    named = {subject.name for it in held if it.order == order for subject in it.subjects}
    more = tuple(it for it in subjects_for(order, incident.entities) if it.name not in named)
    keys = [it.id for it in held if it.order == order and it.confirmed_at is None and it.release_ordered_at is None]
    if more:
        key = containment.containment_id(incident.id, order, more)
        ordered(context, key, incident.id, order, more)
        keys.append(key)
    for key in keys:
        confirmed = b.ContainmentConfirmed(
            at=context.at, actor=actor, reason=words, containment_id=key, reference="", done_at=context.at
        )
        context.record(Containment, key, [confirmed])


def body_of(order: str, key: str, incident: Incident, subjects: Sequence[Subject], issued_at: str) -> dict[str, Any]:
    """Return what a system gets: what is asked of it, for which subjects, on what ground (docs/orders.md)."""
    return {
        "order": order,
        "order_id": key,
        "issued_at": issued_at,
        "target": "access",
        "subjects": [it.model_dump() for it in subjects],
        "demands": list(b.DEMANDS[order]),
        "basis": {
            "kind": "incident", "number": incident.number, "severity": incident.severity, "clause": b.CLAUSES[order],
        },
    }  # fmt: skip


def held_elsewhere(context: Context, it: Containment) -> set[str]:
    """The subjects of a containment that another incident, or an act in force, holds too."""
    held: set[str] = set()
    own = _family(context, it.incident_id)
    for key in sorted({key for subject in it.holding for key in context.find(Containment, subject=subject.name)}):
        other = context.load(Containment, key)
        if other.incident_id not in own:
            held |= {subject.name for subject in other.holding}
    if it.order == "payout-hold":
        loans = [subject.id for subject in it.holding if subject.type == "loan"]
        clients = [subject.id for subject in it.holding if subject.type == "client"]
        for protection in protecting(context, clients=clients, loans=loans):
            held |= {f"loan:{loan}" for loan in protection.loans}
            held |= {f"client:{protection.act.client}"} if protection.act is not None else set()
    return held


def give_release(context: Context, it: Containment, facts: Sequence[Fact]) -> None:
    """Record a release and send it; an order that nobody has begun to carry out is taken back first."""
    context.record(Containment, it.id, facts)
    for fact in facts:
        if isinstance(fact, b.ReleaseOrdered):
            context.withdraw(it.id)
            if fact.subjects and it.order is not None:
                order = b.COUNTERPART[it.order]
                incident = context.past(Incident, it.incident_id)
                body = body_of(order, fact.release_id, incident, fact.subjects, iso(fact.at))
                message = ContainmentMessage(system="access", containment_id=it.id, order=order, body=body)
                context.intend(Intent(fact.release_id, message))


def take_answer(context: Context, key: str, judged: Judged, *, release: bool, **said: Any) -> None:
    """Record what an answer makes of a containment; one to an order that was given up for its release is too late."""
    it = context.load(Containment, key)
    if it.id and release == (it.release_ordered_at is not None):
        context.record(Containment, key, containment.answered(it, judged, at=context.at, **said))
