"""Acts of law enforcement, decisions of courts and answers of other systems that arrive as security events."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import date, datetime
from types import MappingProxyType

from pydantic import ValidationError

from engine.events.envelope import SecurityEvent
from engine.kernel.answer_signs import BUREAUS, bureau_of
from engine.kernel.answers import Asked, Judged, all_of, judge_event, word_of
from engine.kernel.errors import QorgauError
from engine.kernel.facts import Entities, FindingRaised, Person
from engine.kernel.ids import derive
from engine.kernel.outcomes import undoing
from engine.kernel.ports import Context
from engine.kernel.timestamps import NotAnInstant, parse_rfc3339
from engine.policies.act_words import ANSWERS, kind_of_act, ruling_of
from engine.protection import deciding, orders
from engine.protection.facts import CourtRuled, LegalAct, Ruling, Unread, UnreadReceived
from engine.protection.protection import Order, Protection, protection_id
from engine.protection.spelling import spelt
from engine.retention.retention import Retention, retention_id
from engine.terms.counting import EARLIEST, LATEST

UNREAD_RULE = "legal-act-incomplete"
ClientsOf = Callable[[str, int], Collection[str]]
"""An IIN and a position of the ledger → the clients that events before it named together with it."""


class ActPolicy:
    """Reads acts and answers that arrive as events. What it cannot read becomes an incident for a person, and the
    terms of the law run from its receipt all the same."""

    name: str = "acts"
    answers = frozenset({"legal.act.received", "legal.court_decision.received", *ANSWERS})

    def __init__(
        self, bureaus: tuple[str, ...], clients_of: ClientsOf = lambda iin, before: (),
        sources: Mapping[str, Collection[str]] = MappingProxyType({}),
    ) -> None:  # fmt: skip
        """``sources``: a system → the sources whose events may answer its orders; one not named here: any."""
        self.bureaus = bureaus
        self.clients_of = clients_of
        self.sources = sources

    def answer(self, context: Context, event: SecurityEvent) -> None:
        """Answer one event."""
        if event.action == "legal.act.received":
            self._act(context, event)
        elif event.action == "legal.court_decision.received":
            self._court(context, event)
        elif event.action in ANSWERS and event.fields.get("mfo.order.id"):
            self._answered(context, event)

    def _act(self, context: Context, event: SecurityEvent) -> None:
        by = Person(id=f"source:{event.source}", roles=frozenset({"source"}))
        try:
            act = self._read(context, event)
            key = entry_of(context, act)
            facts = deciding.register_act(context.load(Protection, key), act, by=by, at=context.at)
        except (ValidationError, QorgauError, ValueError) as error:
            self._ask(context, event, _why(error), "act")
            return
        context.record(Protection, key, facts)
        if not _loans(event):
            self._ask(context, event, "it names no contract; check those that were found for the client")

    def _read(self, context: Context, event: SecurityEvent) -> LegalAct:
        """Read an act; what it names by IIN, or leaves out, comes from what the loan system told before."""
        fields = event.fields
        received = _instant(fields.get("mfo.received_at")) or event.received_at
        document = str(fields.get("mfo.document.hash") or "").removeprefix("sha256:")
        client, loans = self._whose(context, event)
        return LegalAct(
            kind=kind_of_act(fields.get("mfo.kind")),  # type: ignore[arg-type]  # None is refused with its name
            issuer=str(fields.get("mfo.act.issuer") or ""),
            number=str(fields.get("mfo.act.number") or ""),
            act_date=date.fromisoformat(str(fields.get("mfo.act.date"))[:10]),
            received_at=min(received, event.received_at),
            channel=str(fields.get("mfo.channel") or event.source),
            client=client,
            loans=loans,
            bureaus=self.bureaus,
            document_sha256=document if len(document) == 64 else None,
        )

    def _whose(self, context: Context, event: SecurityEvent) -> tuple[str, tuple[str, ...]]:
        """Return client and loans. Raise ValueError where they cannot be known, or do not belong together."""
        client, loans = str(event.fields.get("mfo.client.id") or "").strip(), _loans(event)
        iin = str(event.fields.get("mfo.client.iin") or "")
        known = set(self.clients_of(iin, event.position)) if iin else set()
        owners = {owner for loan in loans if (owner := owner_of(context, loan))}
        if not client:
            found = known or owners
            if len(found) != 1:
                raise ValueError("the client is not known")
            client = next(iter(found))
        if (known and client not in known) or owners - {client}:
            raise ValueError("client, IIN and contracts do not belong together")
        loans = loans or tuple(sorted(context.load(Retention, retention_id(client)).open_loans))
        if not loans:
            raise ValueError("the contracts are not known")
        return client, loans

    def _court(self, context: Context, event: SecurityEvent) -> None:
        """A decision of a court belongs to the protections of its loans. One that fits none, or does not say clearly
        what it decides, is read by a person."""
        try:
            ruling = ruling_of(event.fields)
            found = protecting(context, clients=(), loans=sorted(_loans(event)))
            if ruling == "claim-refused" and not found:
                self._ask(context, event, "the court refused a claim about loans that no act protects")
                return
            if not found:
                raise ValueError("no act protects these loans")
            if ruling is None or ruling == "debt-partly-void":
                raise ValueError("a person reads what the court decided")
            if word_of(event.fields.get("event.outcome")) == "refused":
                raise ValueError("the event says that it failed")
            named = {str(event.fields.get("mfo.client.id") or "").strip()} - {""}
            if named - {it.act.client for it in found if it.act is not None}:
                raise ValueError("the decision names another client than the act")
            if ruling == "act-overturned" and len(found) > 1:
                raise ValueError("several acts protect these loans; a person says which was overturned")
            ruled = [
                (it.id, deciding.rule(context.load(Protection, it.id), self._ruled(context, event, it.id, ruling)))
                for it in found
            ]
            for key, facts in ruled:
                context.record(Protection, key, facts)
            left = set(_loans(event)).difference(*(it.loans for it in found))
            if left:
                self._ask(context, event, "the court decided about contracts that no act protects too")
        except (ValidationError, QorgauError, ValueError) as error:
            self._ask(context, event, _why(error), "court-decision")

    def _ruled(self, context: Context, event: SecurityEvent, key: str, ruling: Ruling) -> CourtRuled:
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
            ruling=ruling,
            loans=_loans(event),
        )

    def _ask(self, context: Context, event: SecurityEvent, what: str, unread: Unread | None = None) -> None:
        """Open an incident, so that a person looks; for what could not be read the terms run from its receipt."""
        finding_id = str(derive("finding", UNREAD_RULE, event.source, event.event_id))
        finding = FindingRaised(
            at=context.at,
            finding_id=finding_id,
            rule_id=UNREAD_RULE,
            rule_name=UNREAD_RULE,
            rule_title=f"Enter the act by hand: {what}" if unread else f"Look at the act: {what}",
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
        if unread is None:
            return
        received = UnreadReceived(
            at=context.at, incident_id=str(derive("incident", finding_id)), what=unread, received_at=_received(event),
            source=event.source, event_id=event.event_id, detail=what[:300], clients=self._concerned(context, event),
            loans=_loans(event)[:50], issuer=_of(event, "mfo.act.issuer", "mfo.court_decision.court")[:300],
            number=_of(event, "mfo.act.number", "mfo.decision.id")[:100], dated=_dated(event),
        )  # fmt: skip
        context.record_single(unread_key(received.incident_id), received)

    def _concerned(self, context: Context, event: SecurityEvent) -> tuple[str, ...]:
        """Whom an event names that could not be read: its client, whom its IIN is known of, whose its contracts are."""
        client, iin = _of(event, "mfo.client.id"), _of(event, "mfo.client.iin")
        found = {client} | set(self.clients_of(iin, event.position) if iin else ())
        found |= {owner_of(context, loan) for loan in _loans(event)}
        return tuple(sorted(found - {""}))[:50]

    def _answered(self, context: Context, event: SecurityEvent) -> None:
        order_id = str(event.fields["mfo.order.id"])
        reference = str(event.fields.get("mfo.bureau.reference") or event.event_id)[:200]
        for key in context.find(Protection, order_id=order_id):
            it = context.load(Protection, key)
            order = it.orders[order_id]
            judged = self._judged(it, order, event, reference)
            done_at = min(event.at, event.received_at)
            take_answer(context, key, order_id, judged, done_at=done_at, actor=f"source:{event.source}")

    def _judged(self, it: Protection, order: Order, event: SecurityEvent, reference: str) -> Judged:
        """Judge an event that answers an order; one that cannot speak for this order changes nothing that is done."""
        read, client = ANSWERS[event.action], it.act.client if it.act is not None else ""
        undone = order.kind in read.undoes
        if order.kind not in read.kinds and not undone:
            return all_of(
                order.subjects, "unclear", f"{event.action} is no answer to {order.kind}", reference, foreign=True
            )
        other = self._stranger(event, order, client)
        if other:
            return all_of(order.subjects, "unclear", other, reference, foreign=True)
        asked = Asked(
            order_id=order.id, order=read.kinds[0] if undone else order.kind, client=client, target=order.target,
            issued_at=order.issued_at, now=event.received_at, loans=it.loans,
        )  # fmt: skip
        judged = judge_event(
            event.fields, order.subjects, says=read.says, denies=read.denies, by_name=read.by_name,
            reference=reference, asked=asked, at=event.at, since=order.refused_at,
        )  # fmt: skip
        return undoing(judged, event.action) if undone else judged

    def _stranger(self, event: SecurityEvent, order: Order, client: str) -> str:
        """Say why the source of an event cannot speak for an order, empty where it can."""
        trusted = self.sources.get(order.system)
        if trusted is not None and event.source not in trusted:
            return f"source {event.source} does not answer for {order.system}"
        if order.system == "bureau" and bureau_of(event.source) != bureau_of(order.target):
            known = {bureau_of(it) for it in (*self.bureaus, *BUREAUS)}
            if bureau_of(event.source) in known:
                return "it comes from a bureau that the order did not go to"
        iin = str(event.fields.get("mfo.client.iin") or "")
        known_by = self.clients_of(iin, event.position) if iin else (client,)
        named = event.fields.get("mfo.client.id") is not None
        return "" if client in known_by or (named and not known_by) else "its IIN is not known as the client's"


def unread_key(incident_id: str) -> str:
    """Return where it stands what came in and could not be read, by the incident that asks a person."""
    return str(derive("unread", incident_id))


def entry_of(context: Context, act: LegalAct) -> str:
    """Return the id under which an act is entered, however it was spelt then, else the one it gets."""
    key = protection_id(act)
    if context.load(Protection, key).id:
        return key
    told = spelt(act.issuer, act.number)
    for other in context.find(Protection, client=act.client):
        held = context.load(Protection, other).act
        if held is not None and (held.act_date, spelt(held.issuer, held.number)) == (act.act_date, told):
            return other
    return key


def owner_of(context: Context, loan: str) -> str:
    """Return whose loan it is by what the loan system told, or by an act in force; empty where nobody knows."""
    for key in context.find(Retention, loan=loan):
        return context.load(Retention, key).client
    for key in context.find(Protection, loan=loan):
        it = context.load(Protection, key)
        if it.holds and it.act is not None and loan in it.loans:
            return it.act.client
    return ""


def protecting(context: Context, *, clients: Sequence[str], loans: Sequence[str]) -> list[Protection]:
    """Return the protections in force that cover one of these clients or loans, by id."""
    keys = {key for client in clients for key in context.find(Protection, client=client)}
    keys |= {key for loan in loans for key in context.find(Protection, loan=loan)}
    found = []
    for key in sorted(keys):
        it = context.past(Protection, key)
        act = it.act
        if it.holds and act is not None and (act.client in clients or not set(it.loans).isdisjoint(loans)):
            found.append(it)
    return found


def take_answer(
    context: Context, protection_id: str, order_id: str, judged: Judged, *, done_at: datetime, actor: str
) -> None:
    """Record what an answer makes of an order, from whichever way it came."""
    it = context.load(Protection, protection_id)
    done_at = max(done_at, it.orders[order_id].issued_at)
    facts = orders.answered(it, order_id, judged, done_at=done_at, at=context.at, actor=actor)
    context.record(Protection, protection_id, facts)


def _why(error: Exception) -> str:
    """Say what could not be read, without a value."""
    if isinstance(error, ValidationError):
        names = ", ".join(sorted({str(part["loc"][0]) for part in error.errors() if part["loc"]}))
        return f"{names} cannot be read"
    if isinstance(error, QorgauError):
        return error.message[:120]
    said = str(error)
    return said[:120] if said.startswith(_SAID) else "date or time cannot be read"


_SAID = ("the ", "client, ", "no act", "a person", "several acts")
"""How our own refusals begin; what Python says of a date carries the date."""


def _of(event: SecurityEvent, *names: str) -> str:
    """Return the first of some fields that says something, as text."""
    return next((str(value) for name in names if (value := event.fields.get(name))), "")


def _received(event: SecurityEvent) -> datetime:
    """Return from when the terms run: what is stated where it can be read, never later than the event came."""
    try:
        stated = _instant(event.fields.get("mfo.received_at"))
    except ValueError:
        stated = None
    return min(stated or event.received_at, event.received_at)


def _instant(value: object) -> datetime | None:
    """Read an instant. Raise ValueError for what is none, or lies where no term can be counted from."""
    if value is None:
        return None
    try:
        found = parse_rfc3339(value)
    except NotAnInstant as error:
        raise ValueError("the receipt is no instant") from error
    if not EARLIEST <= found <= LATEST:
        raise ValueError("the receipt lies outside the years that can be counted in")
    return found


def _dated(event: SecurityEvent) -> date | None:
    try:
        return date.fromisoformat(str(event.fields.get("mfo.act.date"))[:10])
    except ValueError:
        return None


def _loans(event: SecurityEvent) -> tuple[str, ...]:
    found: list[str] = []
    for name in ("mfo.loan.ids", "mfo.loan.id"):
        value = event.fields.get(name)
        found += [str(it) for it in value] if isinstance(value, list | tuple) else [str(value)] if value else []
    return tuple(dict.fromkeys(name for it in found if (name := it.strip())))
