"""Acts of law enforcement, decisions of courts and answers of other systems that arrive as security events."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime

from pydantic import ValidationError

from engine.events.envelope import SecurityEvent
from engine.kernel.errors import QorgauError
from engine.kernel.facts import Entities, FindingRaised, Person
from engine.kernel.ids import derive
from engine.kernel.ports import Context
from engine.kernel.timestamps import NotAnInstant, parse_rfc3339
from engine.protection import protection
from engine.protection.facts import CourtRuled, LegalAct
from engine.protection.protection import Protection
from engine.terms.counting import EARLIEST, LATEST

_PROTECTING = ("victim_resolution", "remedial_submission")
_ANSWERS = (
    "collection.stopped", "collection.resumed", "loan.accrual.stopped", "loan.written_off",
    "bureau.correction.acknowledged",
)  # fmt: skip


class ActPolicy:
    """Reads acts and answers that arrive as events. What it cannot read becomes an incident for a person."""

    name: str = "acts"
    answers = frozenset({"legal.act.received", "legal.court_decision.received", *_ANSWERS})

    def __init__(self, bureaus: tuple[str, ...]) -> None:
        self.bureaus = bureaus

    def answer(self, context: Context, event: SecurityEvent) -> None:
        """Answer one event."""
        if event.action == "legal.act.received" and event.fields.get("mfo.kind") in _PROTECTING:
            self._act(context, event)
        elif event.action == "legal.court_decision.received":
            self._court(context, event)
        elif event.action in _ANSWERS and event.fields.get("mfo.order.id"):
            self._answered(context, event)

    def _act(self, context: Context, event: SecurityEvent) -> None:
        by = Person(id=f"source:{event.source}", roles=frozenset({"source"}))
        try:
            act = self._read(event)
            key = protection.protection_id(act)
            facts = protection.register_act(context.load(Protection, key), act, by=by, at=context.at)
        except (ValidationError, QorgauError, ValueError) as error:
            self._unreadable(context, event, error)
            return
        context.record(Protection, key, facts)

    def _read(self, event: SecurityEvent) -> LegalAct:
        fields = event.fields
        received = _instant(fields.get("mfo.received_at")) or event.received_at
        document = str(fields.get("mfo.document.hash") or "").removeprefix("sha256:")
        return checked_act(
            kind=fields.get("mfo.kind"),
            issuer=fields.get("mfo.act.issuer"),
            number=fields.get("mfo.act.number"),
            act_date=date.fromisoformat(str(fields.get("mfo.act.date"))[:10]),
            received_at=min(received, event.received_at),
            channel=fields.get("mfo.channel") or event.source,
            client=fields.get("mfo.client.id"),
            loans=_tuple(fields.get("mfo.loan.ids")),
            bureaus=self.bureaus,
            document_sha256=document if len(document) == 64 else None,
        )

    def _court(self, context: Context, event: SecurityEvent) -> None:
        """A decision of a court belongs to the protections of its loans; one that fits none is entered by a person."""
        loans = set(_tuple(event.fields.get("mfo.loan.ids")))
        try:
            found = protecting(context, clients=(), loans=sorted(loans))
            if not found:
                raise QorgauError("no act protects these loans")
            for it in found:
                context.record(
                    Protection,
                    it.id,
                    protection.rule(context.load(Protection, it.id), self._ruling(context, event, it.id)),
                )
        except (ValidationError, QorgauError, ValueError) as error:
            self._unreadable(context, event, error)

    def _ruling(self, context: Context, event: SecurityEvent, key: str) -> CourtRuled:
        fields = event.fields
        received = _instant(fields.get("mfo.received_at")) or event.received_at
        return CourtRuled(
            at=context.at,
            actor=f"source:{event.source}",
            protection_id=key,
            court=str(fields.get("mfo.court_decision.court") or ""),
            number=str(fields.get("mfo.act.number") or fields.get("mfo.decision.id") or ""),
            in_force_on=date.fromisoformat(str(fields.get("mfo.court_decision.in_force_at"))[:10]),
            received_at=min(received, event.received_at),
            ruling="debt-void",
        )

    def _unreadable(self, context: Context, event: SecurityEvent, error: Exception) -> None:
        """An act the engine cannot read must not be lost: it opens an incident, so that a person enters it."""
        if isinstance(error, ValidationError):
            names = ", ".join(sorted({str(part["loc"][0]) for part in error.errors() if part["loc"]}))
            what = f"{names} cannot be read"
        else:
            what = error.message[:80] if isinstance(error, QorgauError) else "date or time cannot be read"
        finding_id = str(derive("finding", "legal-act-incomplete", event.source, event.event_id))
        finding = FindingRaised(
            at=context.at,
            finding_id=finding_id,
            rule_id="legal-act-incomplete",
            rule_name="legal-act-incomplete",
            rule_title=f"Enter the act by hand: {what}",
            rule_version="1",
            severity="critical",
            incident_class="control-failure",
            notifiable=False,
            personal_data=False,
            obligations=("le-act-stop-collection-3cd",),
            dedup_key=f"legal-act-incomplete|{event.event_id}",
            detected_at=event.received_at,
            first_event_at=event.at,
            positions=(event.position,),
            matched={"event.action": event.action},
            entities=Entities(),
        )
        context.record_single(finding_id, finding)

    def _answered(self, context: Context, event: SecurityEvent) -> None:
        order_id = str(event.fields["mfo.order.id"])
        for protection_id in context.find(Protection, order_id=order_id):
            acknowledge(
                context,
                protection_id,
                order_id,
                reference=str(event.fields.get("mfo.bureau.reference") or event.event_id)[:200],
                done_at=min(event.at, event.received_at),
                actor=f"source:{event.source}",
            )


def protecting(context: Context, *, clients: Sequence[str], loans: Sequence[str]) -> list[Protection]:
    """Return the protections in force that cover one of these clients or loans, by id."""
    keys = {key for client in clients for key in context.find(Protection, client=client)}
    keys |= {key for loan in loans for key in context.find(Protection, loan=loan)}
    found = []
    for key in sorted(keys):
        it = context.past(Protection, key)
        act = it.act
        if it.holds and act is not None and (act.client in clients or not set(act.loans).isdisjoint(loans)):
            found.append(it)
    return found


def acknowledge(
    context: Context, protection_id: str, order_id: str, *, reference: str, done_at: datetime, actor: str
) -> None:
    """Record an acknowledgement, from whichever way it came."""
    it = context.load(Protection, protection_id)
    facts = protection.acknowledge_order(it, order_id, reference=reference, done_at=done_at, at=context.at, actor=actor)
    context.record(Protection, protection_id, facts)


def checked_act(**fields: object) -> LegalAct:
    """Return an act from what somebody else wrote. Raise ValidationError naming the fields that cannot be read."""
    return LegalAct.model_validate(fields)


def _instant(value: object) -> datetime | None:
    """Read an instant. Raise ValueError for what is none, or lies where no term can be counted from."""
    if value is None:
        return None
    try:
        found = parse_rfc3339(value)
    except NotAnInstant as error:
        raise ValueError("received_at is no instant") from error
    if not EARLIEST <= found <= LATEST:
        raise ValueError("received_at lies outside the years that can be counted in")
    return found


def _tuple(value: object) -> tuple[str, ...]:
    if isinstance(value, list | tuple):
        return tuple(str(part) for part in value)
    return (str(value),) if value not in (None, "") else ()
