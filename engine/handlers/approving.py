"""Handlers of the approval of notices: what is approved, and the approver's digital signature where one is
needed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from engine.duties.clock import Clock as LegalClock
from engine.handlers.desk import ORGANISATION, Desk, Work
from engine.handlers.notices import must_be_listed, seen
from engine.handlers.register import handles, in_unit
from engine.incidents.incident import Incident
from engine.kernel.addresses import is_local
from engine.kernel.commands import Attachment, Counted
from engine.kernel.errors import Conflict, DecisionRefused, InputError
from engine.kernel.facts import Fact, Person
from engine.kernel.ports import SignatureVerdict
from engine.notices import approving, many, signing
from engine.notices import notice as notices
from engine.notices.commands import ApproveAsLast, ApproveClientNotices, Approved, ApproveNotice
from engine.notices.completeness import gaps
from engine.notices.kinds import notice_kind
from engine.notices.notice import Notice
from engine.notices.reasons import UNKNOWN
from engine.notices.sending import order_sending
from engine.permissions.permission import Side
from engine.policies.notices import texts

CMS = "application/pkcs7-signature"


@dataclass(frozen=True, slots=True)
class _Signed:
    """A signature that was found valid, and over which bytes."""

    data: bytes
    cms: bytes
    verdict: SignatureVerdict
    document_id: str


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A notice with whom it goes to, as it would be approved now."""

    notice: Notice
    incident: Incident
    clients: Sequence[str]
    subjects: Sequence[str]
    to: str

    @property
    def data(self) -> bytes:
        """The bytes that are signed."""
        named = self.clients if self.notice.to_many else self.subjects
        return signing.to_sign(self.notice, to=self.to, list_sha256=notices.list_hash(named) if named else "")


@handles(ApproveNotice)
def approve(desk: Desk, command: ApproveNotice, by: Person) -> Approved:
    """Approve a notice; sending is ordered in the same commit. What its way out lacks is said and recorded."""
    signed = _signed(desk, command, by)
    with desk.work(by) as work:
        notice = seen(work.get(Notice, command.notice_id), command.version)
        return _approve(work, _wanted(work, notice, command.list_sha256), signed)


@handles(ApproveAsLast)
def approve_as_last(desk: Desk, command: ApproveAsLast, by: Person) -> Approved:
    """Approve as the head of the house what the law wants told within hours, for nobody else is left."""
    signed = _signed(desk, command, by)
    with desk.work(by) as work:
        notice = seen(work.get(Notice, command.notice_id), command.version)
        return _approve(work, _wanted(work, notice, command.list_sha256), signed, command.reason)


@in_unit(ApproveClientNotices)
def approve_client_notices(work: Work, command: ApproveClientNotices) -> Counted:
    """Approve every drafted client notice of an incident."""
    found = texts(work.unit, command.incident_id)
    waiting = [it for it in found if notice_kind(it.kind).per == "client" and it.state in notices.OPEN_TEXT]
    if waiting and work.desk.settings.notice_signature == "required":
        raise DecisionRefused("each notice needs a digital signature of its own; approve them one by one")
    for notice in waiting:
        _approve(work, _wanted(work, notice), None)
    return Counted(count=len(waiting))


def blocks_of(work: Work, notice_id: str) -> tuple[DecisionRefused, ...]:
    """Return everything about an open text that blocks its approval, not the first of it only. (Whom its history keeps
    from approving it: ``engine.notices.approving.who_may_approve``.)"""
    notice = work.get(Notice, notice_id)
    incident = work.unit.load(Incident, notice.incident_id)
    found = list(gaps(notice.kind, notice.content, at=work.at, calendar=work.desk.calendar))
    if not notices.recipients(_recipient(work, notice)):
        found.append(DecisionRefused("the notice has no recipient"))
    if notice.to_many and not _many(work, notice, incident):
        found.append(DecisionRefused("there is no client left whom this text would tell"))
    return tuple(found)


def _many(work: Work, notice: Notice, incident: Incident) -> Sequence[str]:
    held = texts(work.unit, incident.id)
    first = work.unit.load(Notice, notice.follows) if notice.follows else None
    return many.addressees(notice, incident.entities.clients, held, first)


def bytes_to_sign(work: Work, notice_id: str) -> bytes:
    """Return the bytes that the approver of a notice signs; of an approved one, those that were approved."""
    notice = work.get(Notice, notice_id)
    if notice.text_of:
        raise DecisionRefused("the text for many is signed, not each client's copy of it")
    return _wanted(work, notice).data if notice.state in notices.OPEN_TEXT else signing.to_sign(notice)


def _signed(desk: Desk, command: ApproveNotice | ApproveAsLast, by: Person) -> _Signed | None:
    """Verify the signature that came with an approval, before the log is locked for it; None where none is needed.

    Raise DecisionRefused for one that is missing, not valid, not known to be valid, or somebody else's.
    """
    if desk.settings.notice_signature != "required":
        if command.signature:
            raise InputError("this house signs its notices by hand; a signature cannot be taken", field="signature")
        return None
    if not command.signature.strip():
        raise DecisionRefused("this notice is approved only with the approver's digital signature over its bytes")
    cms = signing.signature_bytes(command.signature)
    with desk.work(by) as work:
        wanted = _wanted(work, seen(work.get(Notice, command.notice_id), command.version), command.list_sha256)
        _decide(work, wanted, command.reason if isinstance(command, ApproveAsLast) else "")  # refused: not verified
    if not desk.signers.last_digits(by.id):
        raise DecisionRefused("no IIN is recorded with which {person} signs: 'qorgau users signs-as'", person=by.id)
    verdict = desk.signatures.verify(cms, wanted.data)
    if verdict.outcome == "unknown":
        raise DecisionRefused(verdict.reason or UNKNOWN)
    if verdict.outcome != "valid":
        raise DecisionRefused(verdict.reason or "the signature is not valid")
    if not desk.signers.is_of(by.id, verdict.iin):
        raise DecisionRefused("the signature is not that of {person}, who approves", person=by.id)
    about = f"notice {wanted.notice.id}"
    paper = Attachment(data=cms, name=f"notice-{wanted.notice.id}.p7s", media_type=CMS)
    kept = desk.keep(paper, client=ORGANISATION, about=about, by=by, name=paper.name)
    return _Signed(wanted.data, cms, verdict, kept.document_id)


def _wanted(work: Work, notice: Notice, seen_list: str = "") -> _Wanted:
    incident = work.unit.load(Incident, notice.incident_id)
    clients = _addressees(work, notice, incident)
    if seen_list and seen_list != notices.list_hash(clients):
        raise Conflict("the list of clients changed meanwhile; look at it again and repeat your act")
    return _Wanted(notice, incident, clients, _subjects(notice, incident), _recipient(work, notice))


def _decide(work: Work, wanted: _Wanted, alone: str = "") -> Sequence[Fact]:
    """Return what an approval records; ``alone`` is the reason of the head of the house, where nobody else is left."""
    notice, to, desk = wanted.notice, wanted.to, work.desk
    where = approving.stood(
        notice, wanted.incident, lambda key: work.unit.load(Incident, key), desk.task_doers
    )  # fmt: skip
    _listed(work, wanted)
    to = to if to != notice.recipient else ""
    if not alone:
        return approving.approve(
            notice, where, by=work.by, at=work.at, clients=wanted.clients, missing=_missing(work, wanted), to=to,
            calendar=desk.calendar, subjects=wanted.subjects,
        )  # fmt: skip
    return approving.approve_as_last(
        notice, where, desk.accounts.people(), _due(work, notice), alone, by=work.by, at=work.at,
        calendar=desk.calendar, clients=wanted.clients, missing=_missing(work, wanted), to=to,
        subjects=wanted.subjects,
    )  # fmt: skip


def _listed(work: Work, wanted: _Wanted) -> None:
    """Raise DecisionRefused for a draft of a person to an address that is on no list of the house."""
    if wanted.notice.authors.get(Side.AUTHOR):
        for address in notices.recipients(wanted.to):
            must_be_listed(work.desk, wanted.notice.kind, address)


def _due(work: Work, notice: Notice) -> datetime | None:
    """The earliest end of a running term that the notice does."""
    term = approving.running_term(notice)
    if term is None:
        return None
    duty, subject = term
    keys = work.unit.find(LegalClock, owner_id=notice.incident_id, duty=duty)
    found = (work.unit.load(LegalClock, it) for it in keys)
    running = [it.due_at for it in found if it.running and it.due_at and (not subject or it.subject == subject)]
    return min(running, default=None)


def _missing(work: Work, wanted: _Wanted) -> tuple[str, ...]:
    return work.desk.settings.missing_for(wanted.notice.kind, notices.recipients(wanted.to))


def _approve(work: Work, wanted: _Wanted, signed: _Signed | None, alone: str = "") -> Approved:
    notice, missing, proof = wanted.notice, _missing(work, wanted), list[Fact]()
    facts = _decide(work, wanted, alone)
    if signed is not None:
        if signed.data != wanted.data:
            raise Conflict("somebody changed this notice meanwhile; look at it again and repeat your act")
        proof = [
            signing.signed(
                notice, signed.data, signed.cms, signed.verdict, signed.document_id, by=work.by, at=work.at
            )
        ]  # fmt: skip
    work.record(Notice, notice.id, [*proof, *facts])
    for number, recipient in enumerate(notice.deliveries):
        order_sending(work.unit, notice, recipient, number)
    return Approved(missing=missing)


def _subjects(notice: Notice, incident: Incident) -> Sequence[str]:
    """Those on the list that goes with a notice."""
    return incident.entities.clients if notice_kind(notice.kind).attaches_list and notice.stage == "initial" else ()


def _recipient(work: Work, notice: Notice) -> str:
    """Whom it goes to: as it was drafted, but where that was this machine, the address that was set meanwhile."""
    if any(not is_local(it) for it in notices.recipients(notice.recipient)):
        return notice.recipient
    return work.desk.settings.mail_of(notice.kind) or notice.recipient


def _addressees(work: Work, notice: Notice, incident: Incident) -> Sequence[str]:
    """Whom a text for many goes to, as the list is now. Raise Conflict while the one before is being addressed."""
    if not notice.to_many:
        return ()
    held = texts(work.unit, incident.id)
    if any(many.is_being_addressed(it) for it in held if it.kind == notice.kind):
        raise Conflict("the text before is still being addressed; try again in a moment")
    return _many(work, notice, incident)
