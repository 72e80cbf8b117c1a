"""Handlers of the approval of notices: what is approved, and the approver's digital signature where one is
needed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from engine.handlers.desk import ORGANISATION, Desk, Work
from engine.handlers.notices import seen
from engine.handlers.register import handles, in_unit
from engine.incidents.facts import ClientsNamed, IncidentOpened
from engine.incidents.incident import Incident
from engine.kernel.addresses import is_local
from engine.kernel.commands import Attachment, Counted
from engine.kernel.errors import Conflict, DecisionRefused, InputError, SecondPersonNeeded
from engine.kernel.facts import ENGINE, Fact, Person
from engine.kernel.ports import SignatureVerdict
from engine.notices import many, signing
from engine.notices import notice as notices
from engine.notices.commands import ApproveClientNotices, Approved, ApproveNotice
from engine.notices.completeness import gaps
from engine.notices.kinds import notice_kind
from engine.notices.notice import Notice
from engine.notices.reasons import UNKNOWN
from engine.notices.sending import order_sending
from engine.permissions import may
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


class Blocks(NamedTuple):
    """What stands between a text and its approval: refusals about the text, about the person, and who else may."""

    text: tuple[DecisionRefused, ...]
    person: tuple[SecondPersonNeeded, ...]
    others: tuple[Person, ...]
    """The people who may approve it."""


def blocks_of(work: Work, notice_id: str) -> Blocks:
    """Return everything that blocks the approval of an open text by the person at hand, not the first of it only."""
    notice = work.get(Notice, notice_id)
    incident = work.unit.load(Incident, notice.incident_id)
    named_by = _named_by(work, incident) if notice.to_many or notice.subject else set()
    found = list(gaps(notice.kind, notice.content, at=work.at, calendar=work.desk.calendar))
    if not notices.recipients(_recipient(work, notice)):
        found.append(DecisionRefused("the notice has no recipient"))
    if notice.to_many and not _many(work, notice, incident):
        found.append(DecisionRefused("there is no client left whom this text would tell"))
    may_approve = [it for it in work.desk.accounts.people() if may("approve-notice", it)]
    free = tuple(it for it in may_approve if not any(notices.objections_to(notice, incident.assignee, it, named_by)))
    personal = tuple(notices.objections_to(notice, incident.assignee, work.by, named_by))
    if work.desk.settings.notice_signature == "required":
        free = tuple(it for it in free if work.desk.signers.last_digits(it.id))
    return Blocks(tuple(found), personal if may("approve-notice", work.by) else (), free)


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


def _signed(desk: Desk, command: ApproveNotice, by: Person) -> _Signed | None:
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
        _decide(work, wanted)  # what would be refused is not verified
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


def _decide(work: Work, wanted: _Wanted) -> Sequence[Fact]:
    notice, incident, to = wanted.notice, wanted.incident, wanted.to
    return notices.approve(
        notice, incident.assignee, by=work.by, at=work.at, clients=wanted.clients,
        named_by=_named_by(work, incident) if notice.to_many or notice.subject else (), missing=_missing(work, wanted),
        to=to if to != notice.recipient else "", calendar=work.desk.calendar, subjects=wanted.subjects,
    )  # fmt: skip


def _missing(work: Work, wanted: _Wanted) -> tuple[str, ...]:
    return work.desk.settings.missing_for(wanted.notice.kind, notices.recipients(wanted.to))


def _approve(work: Work, wanted: _Wanted, signed: _Signed | None) -> Approved:
    notice, missing, proof = wanted.notice, _missing(work, wanted), list[Fact]()
    facts = _decide(work, wanted)
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


def _named_by(work: Work, incident: Incident) -> set[str]:
    """The people who named clients of an incident, also when they entered it."""
    facts = work.unit.facts(incident.id)
    named = {fact.actor for fact in facts if isinstance(fact, ClientsNamed)}
    entered = {fact.actor for fact in facts if isinstance(fact, IncidentOpened) and fact.entities.clients}
    return named | entered - {ENGINE}


def _addressees(work: Work, notice: Notice, incident: Incident) -> Sequence[str]:
    """Whom a text for many goes to, as the list is now. Raise Conflict while the one before is being addressed."""
    if not notice.to_many:
        return ()
    held = texts(work.unit, incident.id)
    if any(many.is_being_addressed(it) for it in held if it.kind == notice.kind):
        raise Conflict("the text before is still being addressed; try again in a moment")
    return _many(work, notice, incident)
