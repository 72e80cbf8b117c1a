"""Handlers of what people ask of notices: write, review, approve, hand over, settle, send again, receipts."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from engine.handlers.desk import ORGANISATION, Desk, Kept, Work
from engine.handlers.register import handles, in_unit
from engine.incidents.incident import Incident
from engine.kernel.addresses import check_address
from engine.kernel.commands import DONE, Counted, Decided, Made, Outcome
from engine.kernel.errors import Conflict, DecisionRefused, InputError, NotFound
from engine.kernel.facts import Fact, Person
from engine.kernel.ids import derive
from engine.kernel.trouble import StatusesSetAside
from engine.notices import delivering, gateway, many, signing
from engine.notices import notice as notices
from engine.notices.commands import (
    ApproveAddress,
    DraftNotice,
    EditNotice,
    Fates,
    FollowUpNotice,
    HandOverClientNotices,
    HandOverNotice,
    RecordBounce,
    RecordReceipt,
    RecordStatuses,
    RedraftNotice,
    ResendFailures,
    ResendNotice,
    ReturnNotice,
    SettleNotice,
    SubmitNotice,
    WithdrawNotice,
)
from engine.notices.facts import (
    NoticeAddressProposed,
    NoticeArrivalClaimed,
    NoticeResendOrdered,
    NoticeStage,
    NoticeState,
)
from engine.notices.following import following
from engine.notices.gateway import Fate
from engine.notices.kinds import notice_kind, notice_kinds
from engine.notices.notice import Notice, notice_id
from engine.notices.sending import order_sending
from engine.policies.notices import drafted, texts

NOT_THERE: tuple[NoticeState, ...] = ("approved", "handed-over", "refused", "unknown", "bounced", "spooled")
"""The states of an approved notice that its client does not have, as far as is known."""
HANDED_TOGETHER = 200
"""Notices recorded as handed over in one unit of work."""
STATUSES_TOGETHER = 50
"""Reports of the gateway recorded in one unit of work."""
LATER: tuple[NoticeStage, ...] = ("follow_up", "final")
ON_DEMAND = tuple(spec.kind for spec in sorted(notice_kinds().values(), key=lambda it: it.form) if spec.by_hand)


@handles(DraftNotice)
def draft(desk: Desk, command: DraftNotice, by: Person) -> Made:
    """Draft a notice that no rule asks for by itself."""
    kind = command.kind
    if kind not in ON_DEMAND:
        raise InputError("a notice drafted by hand is one of {on_demand}", field="kind", on_demand=tuple(ON_DEMAND))
    named = [_address(part) for part in notices.recipients(command.recipient)]
    to = ", ".join(named) or desk.settings.mail_of(kind)
    if not to:
        raise InputError("name the address it goes to", field="recipient")
    for address in named:
        must_be_listed(desk, kind, address)
    with desk.work(by) as work:
        incident = work.get(Incident, command.incident_id)
        subject = to if notice_kind(kind).per == "recipient" else ""
        key = notice_id(kind, incident.id, subject)
        if work.unit.load(Notice, key).state in ("none", "withdrawn"):
            _draft(work, incident, kind, subject, "initial", key, to, None)
    return Made(id=key)


@handles(FollowUpNotice)
def follow_up(desk: Desk, command: FollowUpNotice, by: Person) -> Made:
    """Draft a supplement, or the final report, to a notice that was handed over."""
    stage = command.stage
    if stage not in LATER:
        raise InputError("a later notice is follow_up or final", field="stage")
    with desk.work(by) as work:
        first = work.get(Notice, command.notice_id)
        found = following(first, stage, lambda key: work.unit.load(Notice, key))
        if isinstance(found, Notice):
            return Made(id=found.id)
        incident = work.get(Incident, first.incident_id)
        _draft(work, incident, first.kind, first.subject, stage, found, first.recipient, first)
    return Made(id=found)


def _draft(
    work: Work,
    incident: Incident,
    kind: str,
    subject: str,
    stage: NoticeStage,
    key: str,
    to: str,
    follows: Notice | None,
) -> None:
    content, version = work.desk.drafting.text(work.unit, incident, kind, stage, "", late=False, follows=follows)
    fact = drafted(
        work.unit, key, incident, notice_kind(kind), subject, stage, content, version, recipient=to,
        follows=follows, actor=work.by.id,
    )  # fmt: skip
    work.record(Notice, key, [fact])


@in_unit(RedraftNotice)
def redraft(work: Work, command: RedraftNotice) -> Outcome:
    """Write a text again from its wording, with what is known and set now."""
    notice = seen(work.get(Notice, command.notice_id), command.version)
    incident = work.get(Incident, notice.incident_id)
    follows = work.get(Notice, notice.follows) if notice.follows else None
    clients = many.addressees(notice, incident.entities.clients, texts(work.unit, incident.id), follows)
    whom = many.told_to(notice_kind(notice.kind), notice.subject, notice.named or incident.entities.clients)
    content, version = work.desk.drafting.text(
        work.unit, incident, notice.kind, notice.stage, whom, clients=clients,
        late=any("late" in fields for fields in notice.content.values()),
        follows=follows,
    )  # fmt: skip
    work.record(Notice, notice.id, notices.redraft(notice, content, version, by=work.by, at=work.at))
    return DONE


@in_unit(EditNotice)
def edit(work: Work, command: EditNotice) -> Outcome:
    """Change the text of a notice."""
    notice = seen(work.get(Notice, command.notice_id), command.version)
    work.record(
        Notice, notice.id, notices.edit(notice, command.language, command.fields, by=work.by, at=work.at)
    )  # fmt: skip
    return DONE


@in_unit(SubmitNotice)
def submit(work: Work, command: SubmitNotice) -> Outcome:
    """Ask for a review."""
    notice = seen(work.get(Notice, command.notice_id), command.version)
    work.record(Notice, notice.id, notices.submit(notice, by=work.by, at=work.at))
    return DONE


@in_unit(ReturnNotice)
def give_back(work: Work, command: ReturnNotice) -> Outcome:
    """Give a text under review back with a remark."""
    notice = work.get(Notice, command.notice_id)
    work.record(Notice, notice.id, notices.give_back(notice, command.remark, by=work.by, at=work.at))
    return DONE


@in_unit(WithdrawNotice)
def withdraw(work: Work, command: WithdrawNotice) -> Outcome:
    """Take a draft back that no clock waits for."""
    notice = work.get(Notice, command.notice_id)
    work.record(Notice, notice.id, notices.withdraw(notice, command.reason, by=work.by, at=work.at))
    return DONE


@in_unit(SettleNotice)
def settle(work: Work, command: SettleNotice) -> Decided:
    """Decide what became of a notice whose fate is unknown."""
    notice = work.get(Notice, command.notice_id)
    facts = delivering.settle_unknown(
        notice, command.taken, command.evidence, by=work.by, at=work.at, recipient=command.recipient
    )
    work.record(Notice, notice.id, facts)
    return Decided(decided=not isinstance(facts[0], NoticeArrivalClaimed))


@handles(HandOverNotice)
def hand_over(desk: Desk, command: HandOverNotice, by: Person) -> Decided:
    """Record that a person handed an approved notice over by a portal, courier or letter; a scan of it is kept."""
    kept: Kept | None = None
    if command.document is not None:
        with desk.work(by) as work:  # what would be refused keeps nothing
            notice = work.get(Notice, command.notice_id)
            _handed_over(work, notice, command)
        kept = desk.keep(
            command.document, client=ORGANISATION, about=f"notice {notice.id}", by=by, name=f"notice-{notice.id}.pdf"
        )
    with desk.work(by) as work:
        notice = work.get(Notice, command.notice_id)
        decided = _record_handing_over(work, notice, command, kept)
    return Decided(decided=decided)


@handles(HandOverClientNotices)
def hand_over_all(desk: Desk, command: HandOverClientNotices, by: Person) -> Counted:
    """Record that all notices with one text were handed over: the checks are those of one, also that a second person
    says the same, and the scan is kept once. The count is of those that are done.

    In several units of work; what is recorded before an error stays, and the act done again goes on from there.
    """
    with desk.work(by) as work:
        text = work.get(Notice, command.notice_id)
        keys = _not_there(work, text)
        _handed_over(work, work.get(Notice, keys[0]), command)  # what would be refused keeps nothing
    kept: Kept | None = None
    if command.document is not None:
        name = f"notices-{text.id}.pdf"
        kept = desk.keep(command.document, client=ORGANISATION, about=f"notice {text.id}", by=by, name=name)
    done = 0
    for start in range(0, len(keys), HANDED_TOGETHER):
        with desk.work(by) as work:
            part = keys[start : start + HANDED_TOGETHER]
            work.unit.prepare(Notice, part)
            for key in part:
                notice = work.get(Notice, key)
                if notice.state in NOT_THERE:  # not what its gateway delivered meanwhile
                    done += _record_handing_over(work, notice, command, kept)
    return Counted(count=done)


def _not_there(work: Work, text: Notice) -> list[str]:
    """The notices with an approved text that no client has. Raise DecisionRefused where there is none."""
    if not text.to_many or text.approved_at is None:
        raise DecisionRefused("only an approved text to many is handed over to all its clients")
    keys = [key for state in NOT_THERE for key in work.unit.find(Notice, text_of=text.id, state=state)]
    if not keys:
        raise DecisionRefused("the notice was handed over already")
    return sorted(keys)


def _record_handing_over(
    work: Work, notice: Notice, command: HandOverNotice | HandOverClientNotices, kept: Kept | None
) -> bool:  # fmt: skip
    """Record what one person says, or the second one agrees to; say whether it is done."""
    facts = _handed_over(work, notice, command)
    if kept is not None:
        facts = [*facts, *signing.by_hand(
            notice, kept.document_id, kept.sha256, command.channel, by=work.by, at=work.at,
            handed_at=command.handed_at or work.at,
        )]  # fmt: skip
    work.record(Notice, notice.id, facts)
    decided = not isinstance(facts[0], NoticeArrivalClaimed)
    if decided:
        work.unit.by_hand(f"mail:{notice.id}")
    return decided


def _handed_over(work: Work, notice: Notice, command: HandOverNotice | HandOverClientNotices) -> Sequence[Fact]:
    return delivering.hand_over(
        notice, command.channel, command.reference, command.handed_at or work.at, by=work.by, at=work.at
    )


@handles(ResendNotice)
def resend(desk: Desk, command: ResendNotice, by: Person) -> Decided:
    """Order another try after a refusal or a bounce; a corrected address waits for a second person."""
    recipient = _address(command.recipient)
    with desk.work(by) as work:
        notice = work.get(Notice, command.notice_id)
        facts = delivering.resend(
            notice, recipient, command.instead_of, command.reason, by=by, at=work.at,
            set_to=desk.settings.mail_of(notice.kind),
        )  # fmt: skip
        decided = not isinstance(facts[0], NoticeAddressProposed)
        if not decided:
            must_be_listed(desk, notice.kind, recipient)
        work.record(Notice, notice.id, facts)
        if decided:
            order_sending(work.unit, notice, recipient, None)
    return Decided(decided=decided)


@in_unit(ApproveAddress)
def decide_address(work: Work, command: ApproveAddress) -> Outcome:
    """Approve the address that waits, and send there; or refuse it."""
    notice = work.get(Notice, command.notice_id)
    facts = delivering.decide_address(
        notice, command.instead_of, command.agreed, command.reason, seen=command.recipient, by=work.by, at=work.at
    )  # fmt: skip
    again = next((it for it in facts if isinstance(it, NoticeResendOrdered)), None)
    if again is not None:
        must_be_listed(work.desk, notice.kind, again.recipient)
    work.record(Notice, notice.id, facts)
    if again is not None:
        order_sending(work.unit, notice, again.recipient, None)
    return DONE


@in_unit(ResendFailures)
def resend_failures(work: Work, command: ResendFailures) -> Outcome:
    """Order another try at every client of an approved text at whom it failed."""
    text = work.get(Notice, command.notice_id)
    failed = len(work.unit.find(Notice, text_of=text.id, state=command.state)) if text.to_many else 0
    facts = delivering.resend_failures(text, command.state, command.reason, failed=failed, by=work.by, at=work.at)
    work.record(Notice, text.id, facts)
    return DONE


@handles(RecordStatuses)
def record_statuses(desk: Desk, command: RecordStatuses, by: Person) -> Fates:
    """Record what the gateway says, in several units of work: what was recorded before an error is known when the
    gateway reports it again."""
    fates: list[Fate] = []
    for start in range(0, len(command.statuses), STATUSES_TOGETHER):
        part = command.statuses[start : start + STATUSES_TOGETHER]
        with desk.work(by) as work:
            keys = [_key_of(said.id) for said in part]
            work.unit.prepare(Notice, [key for key in keys if key])
            for said, key in zip(part, keys, strict=True):
                notice = work.unit.load(Notice, key) if key else Notice()
                given = not gateway.waits(notice) or work.unit.begun(f"mail:{notice.id}")
                fate, facts = gateway.reported(notice, said, at=work.at, actor=by.id, given=given)
                fates.append(fate)
                if facts:
                    work.record(Notice, notice.id, facts)
    _set_aside(desk, command, fates, by)
    return Fates(fates=tuple(fates))


def _key_of(text: str) -> str:
    """The id that a report names, empty for what is none."""
    try:
        return str(UUID(text))
    except ValueError:
        return ""


def _set_aside(desk: Desk, command: RecordStatuses, fates: Sequence[Fate], by: Person) -> None:
    """Keep what the gateway reported and cannot be, with the reason of each."""
    odd = [
        f"{fate}: {said.model_dump_json()}"
        for said, fate in zip(command.statuses, fates, strict=True)
        if fate in gateway.SET_ASIDE
    ]
    odd.extend(command.unreadable)
    if odd:
        with desk.work(by) as work:
            key = str(derive("statuses-set-aside", by.id, work.at.isoformat()))
            fact = StatusesSetAside(at=work.at, actor=by.id, source=by.id, reports=tuple(odd), count=len(odd))
            work.unit.record_single(key, fact)


@in_unit(RecordReceipt)
def record_receipt(work: Work, command: RecordReceipt) -> Outcome:
    """Record that the recipient says it has the notice."""
    notice = work.get(Notice, command.notice_id)
    facts = delivering.receipt(
        notice, command.reference, command.received_on, command.document_id, by=work.by, at=work.at
    )  # fmt: skip
    work.record(Notice, notice.id, facts)
    return DONE


@in_unit(RecordBounce)
def record_bounce(work: Work, command: RecordBounce) -> Outcome:
    """Record that a notice came back."""
    try:
        notice = work.get(Notice, command.notice_id)
    except NotFound:
        raise NotFound("the message that came back is none of ours") from None
    facts = delivering.bounce(
        notice, command.recipient, command.status, command.detail, at=work.at, actor=work.by.id
    )  # fmt: skip
    work.record(Notice, notice.id, facts)
    return DONE


def seen(notice: Notice, version: int | None) -> Notice:
    """Return the notice. Raise Conflict for one that somebody changed since."""
    if version is not None and notice.version != version:
        raise Conflict("somebody changed this notice meanwhile; look at it again and repeat your act")
    return notice


def must_be_listed(desk: Desk, kind: str, address: str) -> None:
    """Raise InputError for an address that is on no list of the house for this kind of notice."""
    if not desk.settings.may_go_to(kind, address):
        raise InputError(
            "notices of this kind do not go to this address; the addresses are set by whoever runs this engine",
            field="recipient",
        )


def _address(text: str) -> str:
    try:
        return check_address(text.strip())
    except InputError as error:
        raise InputError(error.msgid, field="recipient", code=error.code, **error.values) from None
