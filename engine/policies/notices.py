"""Notices are drafted at once, kept up with the incident until somebody edits them, followed up when it is over, and
withdrawn when there was no incident. Nothing is ever sent from here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from itertools import count
from typing import Protocol

from engine.containment import facts as b
from engine.containment.containment import Containment
from engine.duties import facts as c
from engine.duties.clock import Clock, clock_id
from engine.incidents import facts as i
from engine.incidents.incident import Incident
from engine.incidents.owing import ends_duties
from engine.kernel.facts import Fact, StoredFact
from engine.kernel.ports import Context
from engine.notices import many
from engine.notices.delivering import another_try
from engine.notices.facts import (
    NoticeApproved,
    NoticeDrafted,
    NoticeFailuresResent,
    NoticeListed,
    NoticeRedrafted,
    NoticeStage,
    NoticeWithdrawn,
)  # fmt: skip
from engine.notices.kinds import NoticeKindSpec, Occurrence, kind_of_clock, notice_kinds
from engine.notices.notice import OPEN_TEXT, Notice, notice_id
from engine.notices.sending import order_sending
from engine.policies.addressing import Addressing, address_one, addressing, is_for
from engine.policies.blocked import blocks_of, freed_of, surviving
from engine.policies.further import first_of, told_of_one_only, unsaid
from engine.policies.meaning import holds

MOST_ASKED = 50
"""Clients whose terms are looked at when a text for many is written; the breach of any later one is heard of itself."""
CLIENT = "client"
"""The kind of notice that clients get."""
REMEDIATION = "remediation"
"""The duty whose term stands in the text of a notice."""
_GROWING = (
    i.IncidentOpened, i.IncidentReopened, i.FindingJoined, i.FindingsTakenOver, i.IncidentAbsorbed, i.ClientsNamed,
    i.NotifiabilityRaised, i.ContainmentStarted, i.ContainmentLapsed, i.RemediationLapsed,
    i.CauseEliminated, i.ConsequenceEliminated,
)  # fmt: skip
_TERM_CHANGED = (c.ClockReanchored, c.ClockRecounted, c.ClockLaterAccepted)
Content = dict[str, dict[str, str]]


class Composer(Protocol):
    """Writes texts."""

    def text(
        self, context: Context, incident: Incident, kind: str, stage: NoticeStage, client: str, *, late: bool,
        follows: Notice | None, clients: Sequence[str] = (),
    ) -> tuple[Content, str]:  # fmt: skip
        """Return the text of a notice, language → field → text, and the version of its wording. ``client`` is the one
        whom it is about, ``clients`` those whom a text for many goes to."""
        ...


class NoticePolicy:
    """Drafts, redrafts and withdraws notices. It reads the clocks, so it never overtakes them."""

    name: str = "notices"
    after: tuple[str, ...] = ("clocks",)
    answers: tuple[type[Fact], ...] = (
        c.ClockBreached, c.ClockWentLate, c.ClockStarted,
        *_TERM_CHANGED, i.FindingsDetached, i.NotifiabilityLowered, i.IncidentMerged,
        i.RecoveryConfirmed, i.IncidentClosed, NoticeApproved, NoticeFailuresResent, *_GROWING,
        b.ContainmentAnswered, b.ContainmentConfirmed, b.ReleaseConfirmed,
    )  # fmt: skip

    def __init__(self, composer: Composer, recipients: Mapping[str, str]) -> None:
        self.composer = composer
        self.recipients = recipients
        self._addressing: Addressing | None = None
        """What is being addressed, over many units of work; found again from the log after a restart."""

    def prepare(self, context: Context, facts: Sequence[Fact]) -> None:
        """Load together what the texts of incidents that were opened ask for: themselves, and their terms."""
        opened = [fact.incident_id for fact in facts if isinstance(fact, i.IncidentOpened)]
        specs = [it for it in notice_kinds().values() if it.drafted_by_itself]
        context.prepare(Notice, [notice_id(it.kind, key, "") for key in opened for it in specs])
        terms = {REMEDIATION, *(it.clock for it in specs if it.clock is not None and it.per != "client")}
        context.prepare(Clock, [clock_id(term, key, "") for key in opened for term in sorted(terms)])

    def answer(self, context: Context, stored: StoredFact) -> None:
        """Answer one fact."""
        match stored.fact:
            case c.ClockBreached() | c.ClockWentLate() as fact:
                self._late(context, fact)
            case c.ClockStarted() as fact if spec := _supplemented(fact.kind):
                self._supplement(context, fact, spec)
            case c.ClockStarted(by_hand=True, kind="remediation") as fact:
                self._keep_up(context, fact.owner_id)
            case c.ClockReanchored() | c.ClockRecounted() | c.ClockLaterAccepted() as fact:
                clock = context.past(Clock, fact.clock_id)
                if clock.kind == REMEDIATION:
                    self._keep_up(context, clock.owner_id)
            case i.FindingsDetached() as fact:
                self._withdraw_moved(context, fact)
            case i.NotifiabilityLowered() as fact:
                self._withdraw(context, fact.incident_id, fact, "the law's duties do not hold")
            case i.IncidentMerged() as fact:
                self._withdraw(context, fact.incident_id, fact, "the incident was merged into another one")
            case i.RecoveryConfirmed() as fact:
                self._keep_up(context, fact.incident_id)
                self._follow_up(context, fact.incident_id, "recovery-confirmed")
            case i.IncidentClosed() as fact if ends_duties(fact.disposition):
                self._withdraw(context, fact.incident_id, fact, f"closed as {fact.disposition}")
            case i.IncidentClosed() as fact:
                self._follow_up(context, fact.incident_id, "incident-closed")
            case NoticeApproved() as fact:
                self._address(context, fact)
            case NoticeFailuresResent() as fact:
                self._resend(context, fact)
            case b.ContainmentAnswered() | b.ContainmentConfirmed() as fact:
                incident = surviving(context, context.past(Containment, fact.containment_id).incident_id)
                self._keep_up(context, incident.id)
                self._tell_of_blocks(context, incident)
            case b.ReleaseConfirmed() as fact:
                incident = surviving(context, context.past(Containment, fact.containment_id).incident_id)
                self._further(context, incident, "unblock", tuple(freed_of(context, incident, fact.containment_id)))
            case fact if isinstance(fact, _GROWING):
                self._keep_up(context, fact.incident_id, len(getattr(fact, "new_clients", ())))
                if isinstance(fact, i.IncidentAbsorbed):
                    self._merged(context, fact)
                elif isinstance(fact, i.IncidentReopened):
                    self._supplement_again(context, fact.incident_id)

    def _keep_up(self, context: Context, incident_id: str, new: int = 0) -> None:
        """Draft what is missing and write again what nobody has touched; ``new`` clients have just become known."""
        incident = context.past(Incident, incident_id)
        if not incident.is_open:
            return
        specs = [it for it in notice_kinds().values() if it.drafted_by_itself and holds(it.drafted_when, incident)]
        context.prepare(Notice, [notice_id(it.kind, incident.id, "") for it in specs])
        for spec in specs:
            if spec.per == "client":
                self._keep_up_many(context, incident, spec, from_one=0 < new == len(incident.entities.clients) - 1)
                continue
            notice = context.load(Notice, notice_id(spec.kind, incident.id, ""))
            if notice.state in ("none", "withdrawn") or (notice.state == "draft" and not notice.editors):
                self._write(context, incident, spec, "", "initial")

    def _keep_up_many(
        self, context: Context, incident: Incident, spec: NoticeKindSpec, *, from_one: bool = False
    ) -> None:
        """Keep up the text for the clients whom nobody has written to, and the drafts for single ones of before.

        ``from_one``: there was one client, whose text may say what concerns him alone; it is written anew for all, even
        where somebody has changed it.
        """
        held = texts(context, incident.id)
        for it in held:
            single = it.kind == spec.kind and it.stage == "initial" and incident.touches("clients", it.subject)
            if single and (it.state == "withdrawn" or (it.state == "draft" and not it.editors)):
                self._write(context, incident, spec, it.subject, "initial")
        of_kind = many.texts_of(held, spec.kind, "initial")
        if any(many.is_being_addressed(it) for it in of_kind):
            return  # its approval, which lists them, is answered later; what is then left gets a text of its own
        text, left = many.open_text(of_kind), many.left_to_tell(incident.entities.clients, held, spec.kind)
        if left and (text is None or text.state == "withdrawn" or not text.editors or from_one):
            number = len(of_kind) - (text is not None)
            self._write(context, incident, spec, "", "initial", number=number, anew=from_one, clients=left)
        elif not left and text is not None and text.state in OPEN_TEXT:
            reason = "there is no client left whom it would tell"
            context.record(Notice, text.id, [NoticeWithdrawn(at=context.at, reason=reason, notice_id=text.id)])

    def _address(self, context: Context, fact: NoticeApproved) -> None:
        """Give every client of an approved text for many a notice of his own, and order its sending."""
        if not fact.addressees:
            return
        if self._addressing is None or self._addressing.approved != fact:
            held = texts(context, context.past(Notice, fact.notice_id).incident_id)
            self._addressing = addressing(context, fact, held)
        text, first, clients = self._addressing.text, self._addressing.first, self._addressing.clients
        for start in context.each("list", [str(at) for at in range(0, len(clients), many.LISTED_TOGETHER)]):
            part = tuple(clients[int(start) : int(start) + many.LISTED_TOGETHER])
            context.record(Notice, text.id, [NoticeListed(at=context.at, notice_id=text.id, clients=part)])
        for client in context.each("address", clients, Notice, partial(many.client_notice_id, text)):
            says = self._addressing.says.get(client, {})
            if is_for(context, text, first, client, says):
                address_one(context, text, client, says)
        blocks, incident = self._addressing.says, context.past(Incident, text.incident_id)
        self._addressing = None
        if blocks and text.stage == "initial":
            self._tell_of_blocks(context, incident)

    def _resend(self, context: Context, fact: NoticeFailuresResent) -> None:
        """Order another try at every client at whom the text failed."""
        failed = context.find(Notice, text_of=fact.notice_id, state=fact.state)
        for key in context.each("resend", failed, Notice):
            notice = context.load(Notice, key)
            for it in [it for it in notice.deliveries.values() if it.state == fact.state]:
                again = another_try(notice, it, it.recipient, fact.reason, actor=fact.actor, at=context.at)
                context.record(Notice, key, [again])
                order_sending(context, notice, it.recipient, None)

    def _follow_up(self, context: Context, incident_id: str, occurrence: Occurrence) -> None:
        """A supplement to what was handed over already (domain notes 6.1); nobody is told of what he never heard."""
        incident = context.past(Incident, incident_id)
        for key in context.find(Notice, incident_id=incident_id, text_of=""):
            first = context.past(Notice, key)
            spec = notice_kinds().get(first.kind)
            went_out = first.state == "sent" or (first.to_many and first.approved_at is not None)
            if spec is None or first.stage != "initial" or not went_out or occurrence not in spec.follow_ups:
                continue
            stage = spec.follow_ups[occurrence]
            number = _number_of(context, first, stage) if first.to_many else 0
            self._write(context, incident, spec, first.subject, stage, follows=first, number=number)

    def _tell_of_blocks(self, context: Context, incident: Incident) -> None:
        """A client who was told before something of his was blocked, or by a text that does not say it, is told."""
        blocks = blocks_of(context, incident)
        for spec in notice_kinds().values():
            if blocks and spec.per == "client":
                owed = unsaid(context, spec, incident, blocks, texts(context, incident.id))
                self._further(context, incident, "block", owed)

    def _merged(self, context: Context, fact: i.IncidentAbsorbed) -> None:
        """Clients who were told of one of two incidents hear of the other, and of what it blocks of theirs."""
        survivor, other = context.past(Incident, fact.incident_id), context.past(Incident, fact.other)
        if survivor.owes:
            self._further(context, survivor, "supplement", told_of_one_only(context, CLIENT, survivor, other))
        self._tell_of_blocks(context, survivor)

    def _supplement_again(self, context: Context, incident_id: str) -> None:
        """What was withdrawn because the incident was closed as none is owed again."""
        for text in texts(context, incident_id):
            if text.stage == "supplement" and text.withdrawn and text.named:
                self._further(context, context.past(Incident, incident_id), "supplement", text.named)

    def _further(self, context: Context, incident: Incident, stage: NoticeStage, clients: Sequence[str]) -> None:
        """Draft a text for some clients; an open one of the stage that nobody has changed goes to them too."""
        if not clients:
            return
        spec = notice_kinds()[CLIENT]
        for number in count():
            held = context.load(Notice, notice_id(spec.kind, incident.id, "", stage, number))
            if held.state in ("none", "withdrawn") or (held.state == "draft" and not held.editors):
                break
        named = tuple(dict.fromkeys((*(held.named if held.state == "draft" else ()), *clients)))
        first = first_of(texts(context, incident.id), spec.kind, named)
        self._write(context, incident, spec, "", stage, follows=first, number=number, clients=named, some=True)

    def _late(self, context: Context, fact: c.ClockBreached | c.ClockWentLate) -> None:
        """A notice that will be late must say why, and none may promise a day that has passed."""
        clock = context.past(Clock, fact.clock_id)
        if clock.kind == REMEDIATION:
            self._keep_up(context, clock.owner_id)
        spec = kind_of_clock(clock.kind)
        if isinstance(fact, c.ClockBreached) and spec is not None and spec.explain_if_late:
            self._ask_why_late(context, clock, spec)

    def _ask_why_late(self, context: Context, clock: Clock, spec: NoticeKindSpec) -> None:
        """The field appears empty, and an empty field cannot be approved."""
        for notice in _open_for(context, clock, spec):
            if not any("late" in fields for fields in notice.content.values()):
                content = {language: {**fields, "late": ""} for language, fields in notice.content.items()}
                redrafted = NoticeRedrafted(at=context.at, notice_id=notice.id, content=content)
                context.record(Notice, notice.id, [redrafted])

    def _supplement(self, context: Context, started: c.ClockStarted, spec: NoticeKindSpec) -> None:
        """Draft the supplement that is owed for what was merged in; an open one says it too."""
        incident, first = context.past(Incident, started.owner_id), notice_id(spec.kind, started.owner_id, "")
        for number in count():
            held = context.load(Notice, notice_id(spec.kind, incident.id, "", "follow_up", number))
            if held.state in ("none", "withdrawn", *OPEN_TEXT):
                follows = context.past(Notice, first)
                self._write(context, incident, spec, "", "follow_up", follows=follows, number=number)
                return

    def _write(
        self, context: Context, incident: Incident, spec: NoticeKindSpec, client: str, stage: NoticeStage,
        follows: Notice | None = None, number: int = 0, anew: bool = False, clients: Sequence[str] = (),
        some: bool = False,
    ) -> None:  # fmt: skip
        """Write a text, or write it again. ``clients`` are those it goes to; with ``some`` it names them."""
        key = notice_id(spec.kind, incident.id, client, stage, number)
        notice = context.load(Notice, key)
        if notice.state not in ("none", "withdrawn", "draft"):
            return
        late = any("late" in fields for fields in notice.content.values()) or (
            stage == "initial" and spec.explain_if_late and _was_breached(context, spec, incident, client)
        )
        named = tuple(clients) if some else ()
        told = many.told_to(spec, client, named or incident.entities.clients)
        content, version = self.composer.text(
            context, incident, spec.kind, stage, told, late=late, follows=follows, clients=clients
        )
        if notice.state == "draft":
            if (content != notice.content and (not notice.editors or anew)) or named != notice.named:
                redrafted = NoticeRedrafted(
                    at=context.at, notice_id=key, content=content, template_version=version, clients=named
                )
                context.record(Notice, key, [redrafted])
            return
        recipient = follows.recipient if follows is not None else self.recipients[spec.kind]
        first = drafted(
            context, key, incident, spec, client, stage, content, version, recipient=recipient, follows=follows,
            clients=named,
        )  # fmt: skip
        context.record(Notice, key, [first])

    def _withdraw_moved(self, context: Context, fact: i.FindingsDetached) -> None:
        """Drafts to clients that went to another incident go with them."""
        if context.past(Incident, fact.into).notifiable:
            incident = context.past(Incident, fact.incident_id)
            reason = "the client's finding went to another incident"
            self._withdraw(context, fact.incident_id, fact, reason, keep=incident.entities.clients)
            for spec in notice_kinds().values():
                if spec.per == "client" and incident.is_open and holds(spec.drafted_when, incident):
                    self._keep_up_many(context, incident, spec)

    def _withdraw(
        self, context: Context, incident_id: str, cause: Fact, reason: str, keep: tuple[str, ...] | None = None
    ) -> None:
        for notice in texts(context, incident_id):
            key = notice.id
            if notice.state not in OPEN_TEXT or notice.stage == "unblock":
                continue  # whoever could not reach his account is told so whatever the incident was
            spec = notice_kinds().get(notice.kind)
            of_client = spec is not None and spec.per == "client" and bool(notice.subject)
            if keep is not None and (not of_client or notice.subject in keep):
                continue
            fact = NoticeWithdrawn(at=context.at, actor=cause.actor, reason=reason, notice_id=key)
            context.record(Notice, key, [fact])


def _number_of(context: Context, first: Notice, stage: NoticeStage) -> int:
    """The number of the later text that follows a text to many: each of these has its own."""
    for number in count():
        held = context.load(Notice, notice_id(first.kind, first.incident_id, first.subject, stage, number))
        if held.follows in ("", first.id):
            return number
    raise AssertionError("counting does not end")


def texts(context: Context, incident_id: str) -> list[Notice]:
    """Return the notices of an incident that have a text: not those that carry one of many to a client."""
    return [context.load(Notice, key) for key in context.find(Notice, incident_id=incident_id, text_of="")]


def _supplemented(kind: str) -> NoticeKindSpec | None:
    """Return the kind of notice whose supplement a duty asks for."""
    return next((it for it in notice_kinds().values() if it.supplement == kind and it.per == "incident"), None)


def _open_for(context: Context, clock: Clock, spec: NoticeKindSpec) -> list[Notice]:
    """The open texts that would do a duty: the notice of its kind, the text for many, or the supplement."""
    if clock.kind == spec.supplement or spec.per == "client":
        stage = spec.stage_of(clock.kind)
        found = [it for it in texts(context, clock.owner_id) if it.kind == spec.kind and it.stage == stage]
        found = [it for it in found if not it.named or clock.subject in it.named]
    else:
        found = [context.load(Notice, notice_id(spec.kind, clock.owner_id, clock.subject))]
    return [it for it in found if it.state in OPEN_TEXT and it.subject in ("", clock.subject)]


def _was_breached(context: Context, spec: NoticeKindSpec, incident: Incident, client: str) -> bool:
    """Say whether the term of a notice has passed: of a text for many, that of one of those whom it would tell."""
    assert spec.clock is not None
    if client or spec.per != "client":
        return context.load(Clock, clock_id(spec.clock, incident.id, client)).breached_at is not None
    clients = incident.entities.clients[:MOST_ASKED]
    found = (context.load(Clock, clock_id(spec.clock, incident.id, it)) for it in clients)
    return any(it.running and it.breached_at is not None for it in found)


def drafted(
    context: Context, key: str, incident: Incident, spec: NoticeKindSpec, client: str, stage: NoticeStage,
    content: Content, version: str, *, recipient: str, follows: Notice | None = None, actor: str | None = None,
    clients: tuple[str, ...] = (),
) -> NoticeDrafted:  # fmt: skip
    """Return the fact that a draft exists; with an ``actor`` a person asked for it."""
    by = {} if actor is None else {"actor": actor}
    return NoticeDrafted(
        at=context.at,
        notice_id=key,
        kind=spec.kind,
        incident_id=incident.id,
        subject=client,
        template_version=version,
        content=content,
        obligations=spec.obligations,
        recipient=recipient,
        stage=stage,
        follows=follows.id if follows is not None else "",
        to_many=spec.per == "client" and not client,
        clients=clients,
        **by,
    )
