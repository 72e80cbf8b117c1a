"""Acts on notices: write, review, approve, hand over, settle, send again, receipts."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime

from engine.incidents.incident import Incident
from engine.kernel.addresses import check_address
from engine.kernel.errors import Conflict, DecisionRefused, InputError, NotAllowed, NotFound
from engine.kernel.facts import Person
from engine.kernel.ports import Intent
from engine.notices import notice as notices
from engine.notices.facts import NoticeStage
from engine.notices.kinds import notice_kind, notice_kinds
from engine.notices.notice import Notice, notice_id
from engine.policies.notices import drafted
from infra.commands.acts.base import Base, get
from infra.store.log.unit import Unit

ON_DEMAND = tuple(spec.kind for spec in sorted(notice_kinds().values(), key=lambda it: it.form) if spec.by_hand)


class NoticeActs(Base):
    """What may be done with a notice."""

    def draft_notice(self, incident_id: str, kind: str, recipient: str, *, by: Person) -> str:
        """Draft a notice that no rule asks for by itself: to law enforcement, interested parties, the AFC."""
        if kind not in ON_DEMAND:
            raise InputError(f"a notice drafted by hand is one of {', '.join(ON_DEMAND)}", field="kind")
        to = ", ".join(_address(part) for part in notices.recipients(recipient)) or self.settings.mail_of(kind)
        if not to:
            raise InputError("name the address it goes to", field="recipient")
        with self._unit() as unit:
            self._may_draft(by)
            incident = get(unit, Incident, incident_id)
            key = notice_id(kind, incident.id, to if kind != "afc" else "")
            if unit.load(Notice, key).state in ("none", "withdrawn"):
                self._draft(unit, incident, kind, "" if kind == "afc" else to, "initial", key, to, None, by)
        return key

    def follow_up(self, notice_key: str, stage: str, *, by: Person) -> str:
        """Draft a supplement, or the final report, to a notice that was handed over; gives its id."""
        if stage not in ("follow_up", "final"):
            raise InputError("a later notice is follow_up or final", field="stage")
        with self._unit() as unit:
            self._may_draft(by)
            first = get(unit, Notice, notice_key)
            if first.state != "sent":
                raise DecisionRefused("a supplement follows a notice that was handed over")
            incident = get(unit, Incident, first.incident_id)
            number = 0
            while True:
                key = notice_id(first.kind, incident.id, first.subject, stage, number)
                state = unit.load(Notice, key).state
                if state in ("draft", "review", "approved"):
                    return key
                if state in ("none", "withdrawn"):
                    break
                number += 1
            self._draft(unit, incident, first.kind, first.subject, stage, key, first.recipient, first, by)
        return key

    def _may_draft(self, by: Person) -> None:
        if not by.may(*notices.EDITS):
            raise NotAllowed("drafting a notice needs compliance, an analyst or the CISO")

    def _draft(
        self, unit: Unit, incident: Incident, kind: str, subject: str, stage: str, key: str, to: str,
        follows: Notice | None, by: Person,
    ) -> None:  # fmt: skip
        the_stage: NoticeStage = stage  # type: ignore[assignment]
        content, version = self.drafting.text(unit, incident, kind, stage, "", late=False, follows=follows)
        fact = drafted(
            unit, key, incident, notice_kind(kind), subject, the_stage, content, version, recipient=to, follows=follows,
            actor=by.id,
        )  # fmt: skip
        unit.record(Notice, key, [fact])

    def edit_notice(
        self, notice_key: str, language: str, fields: Mapping[str, str], version: int | None, *, by: Person
    ) -> None:
        """Change the text of a notice; ``version`` is the one the person saw, so no work of others is lost."""
        with self._unit() as unit:
            notice = _seen(get(unit, Notice, notice_key), version)
            unit.record(Notice, notice.id, notices.edit(notice, language, fields, by=by, at=unit.at))

    def submit_notice(self, notice_key: str, version: int | None, *, by: Person) -> None:
        """Ask for a review."""
        with self._unit() as unit:
            notice = _seen(get(unit, Notice, notice_key), version)
            unit.record(Notice, notice.id, notices.submit(notice, by=by, at=unit.at))

    def return_notice(self, notice_key: str, remark: str, *, by: Person) -> None:
        """Give a text under review back with a remark."""
        with self._unit() as unit:
            notice = get(unit, Notice, notice_key)
            unit.record(Notice, notice.id, notices.give_back(notice, remark, by=by, at=unit.at))

    def withdraw_notice(self, notice_key: str, reason: str, *, by: Person) -> None:
        """Take a draft back that no clock waits for."""
        with self._unit() as unit:
            notice = get(unit, Notice, notice_key)
            unit.record(Notice, notice.id, notices.withdraw(notice, reason, by=by, at=unit.at))

    def approve_notice(self, notice_key: str, version: int | None, *, by: Person) -> None:
        """Approve a notice; sending is ordered in the same commit."""
        with self._unit() as unit:
            self._approve(unit, _seen(get(unit, Notice, notice_key), version), by)

    def approve_client_notices(self, incident_id: str, *, by: Person) -> int:
        """Approve every drafted client notice of an incident; gives their number."""
        with self._unit() as unit:
            rows = unit.query(
                "SELECT id FROM notice_view WHERE incident_id = ? AND kind = 'client' AND state IN ('draft', 'review') "
                "ORDER BY id",
                incident_id,
            )
            for row in rows:
                self._approve(unit, unit.load(Notice, str(row["id"])), by)
            return len(rows)

    def _approve(self, unit: Unit, notice: Notice, by: Person) -> None:
        incident = unit.load(Incident, notice.incident_id)
        facts = notices.approve(notice, incident.assignee, by=by, at=unit.at)
        unit.record(Notice, notice.id, facts)
        for number, recipient in enumerate(notice.deliveries):
            order_sending(unit, notice, recipient, number)

    def settle_notice(
        self, notice_key: str, taken: bool, evidence: str, *, by: Person, recipient: str | None = None
    ) -> None:
        """Decide what became of a notice whose fate is unknown."""
        with self._unit() as unit:
            notice = get(unit, Notice, notice_key)
            facts = notices.settle_unknown(notice, taken, evidence, by=by, at=unit.at, recipient=recipient)
            unit.record(Notice, notice.id, facts)

    def hand_over_notice(
        self, notice_key: str, channel: str, reference: str, handed_at: datetime | None, *, by: Person
    ) -> None:
        """Record that a person handed an approved notice over by a portal, courier or letter."""
        with self._unit() as unit:
            notice = get(unit, Notice, notice_key)
            facts = notices.hand_over(notice, channel, reference, handed_at or unit.at, by=by, at=unit.at)
            unit.record(Notice, notice.id, facts)
            unit.cursor.execute(
                "UPDATE outbox SET state = 'by-hand' WHERE state = 'waiting' AND kind IN ('mail', 'afc') "
                "AND (key = ? OR key LIKE ?)",
                (f"mail:{notice.id}", f"mail:{notice.id}:%"),
            )

    def resend_notice(self, notice_key: str, recipient: str, instead_of: str, reason: str, *, by: Person) -> None:
        """Order another try after a refusal or a bounce, at the same address or a corrected one."""
        _address(recipient)
        with self._unit() as unit:
            notice = get(unit, Notice, notice_key)
            facts = notices.resend(notice, recipient, instead_of, reason, by=by, at=unit.at)
            unit.record(Notice, notice.id, facts)
            order_sending(unit, notice, recipient.strip(), None)

    def record_receipt(
        self, notice_key: str, reference: str, received_on: date, document_id: str = "", *, by: Person
    ) -> None:
        """Record that the recipient says it has the notice."""
        with self._unit() as unit:
            notice = get(unit, Notice, notice_key)
            facts = notices.receipt(notice, reference, received_on, document_id, by=by, at=unit.at)
            unit.record(Notice, notice.id, facts)

    def record_bounce(self, notice_key: str, recipient: str, status: str, detail: str, *, actor: str) -> None:
        """Record that a notice came back."""
        with self._unit() as unit:
            try:
                notice = get(unit, Notice, notice_key)
            except NotFound:
                raise NotFound("the message that came back is none of ours") from None
            facts = notices.bounce(notice, recipient, status, detail, at=unit.at, actor=actor)
            unit.record(Notice, notice.id, facts)


def order_sending(unit: Unit, notice: Notice, recipient: str, number: int | None) -> None:
    """Order the sending of an approved notice to one recipient; ``number`` is None for another try."""
    delivery = notice.deliveries[recipient]
    key = f"mail:{notice.id}" if number == 0 else f"mail:{notice.id}:{number}"
    if number is None:
        key = f"mail:{notice.id}:try-{delivery.attempt}:{recipient}"
    payload = {"notice_id": notice.id, "recipient": recipient}
    unit.intend(Intent(key=key, kind="afc" if notice.kind == "afc" else "mail", payload=payload))


def _seen(notice: Notice, version: int | None) -> Notice:
    if version is not None and notice.version != version:
        raise Conflict("somebody changed this notice meanwhile; look at it again and repeat your act")
    return notice


def _address(text: str) -> str:
    try:
        return check_address(text.strip())
    except InputError as error:
        raise InputError(error.message, field="recipient", code=error.code) from None
