"""Incidents become notice drafts within the same second; untouched drafts follow the incident as it grows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from engine import incidents
from engine.calendar import BusinessCalendar
from engine.clocks import Clock as LegalClock
from engine.clocks import ClockBreached, clock_id
from engine.facts import Fact
from engine.incidents import Incident
from engine.notices import CLOCK_OF_KIND, Notice, NoticeDrafted, NoticeKind, NoticeRedrafted, NoticeWithdrawn, notice_id
from engine.ports import Clock
from engine.register import builtin_register
from infra.stages.base import DecisionFollower
from infra.store.decisions import Decisions, Recorded, Unit
from reports.drafts import Organisation, Subject, draft
from reports.wording import template_version

_SOURCE_OF = {
    "portal": "portal", "channel": "portal", "otp": "portal", "veridoc": "portal", "verilive": "portal",
    "veriface": "portal", "antifraud": "antifraud", "pkb": "bureau", "bureau": "bureau",
}  # fmt: skip
_CLAUSES: dict[str, tuple[str, ...]] = {
    "regulator": ("notify-regulator-1bd",),
    "client": ("notify-client-1bd",),
    "pd_authority": ("law-pd-breach-authority-1bd",),
}
_EXPLAINED = ("regulator", "pd_authority")
_WATCHED = (
    incidents.FindingJoined,
    incidents.IncidentAbsorbed,
    incidents.ContainmentStarted,
    incidents.CauseEliminated,
    incidents.ConsequenceEliminated,
    incidents.RecoveryConfirmed,
)


class Notices(DecisionFollower):
    """Drafts, redrafts and withdraws notices. Nothing is ever sent from here."""

    name = "notices"

    def __init__(
        self,
        decisions: Decisions,
        clock: Clock,
        organisation: Organisation,
        words: Callable[[str], Mapping[str, str]],
        recipients: Mapping[str, str],
        calendar: BusinessCalendar,
    ) -> None:
        super().__init__(decisions, clock)
        self.organisation = organisation
        self.words = words
        self.recipients = recipients
        self.calendar = calendar

    def utc_offset_minutes(self, at: datetime) -> int:
        """Give the organisation's offset at an instant (Almaty changed its own in 2024)."""
        offset = self.calendar.local(at).utcoffset()
        return int(offset.total_seconds() // 60) if offset is not None else 0

    def take(self, unit: Unit, recorded: Recorded) -> None:
        """Answer one fact."""
        match recorded.fact:
            case incidents.IncidentOpened() as fact:
                self._keep_up(unit, fact.incident_id)
            case incidents.IncidentReopened() as fact:
                self._keep_up(unit, fact.incident_id)
            case ClockBreached() as fact:
                self._ask_why_late(unit, fact)
            case incidents.IncidentMerged() as fact:
                self._withdraw(unit, fact.incident_id, fact, "the incident was merged into another one")
            case incidents.IncidentClosed() as fact if incidents.ends_duties(fact.disposition):
                self._withdraw(unit, fact.incident_id, fact, f"closed as {fact.disposition}")
            case fact if isinstance(fact, _WATCHED):
                self._keep_up(unit, fact.incident_id)

    def _keep_up(self, unit: Unit, incident_id: str) -> None:
        """Draft what is missing and write anew what nobody has touched."""
        incident = unit.load(Incident, incident_id)
        if not incident.notifiable or not incident.is_open:
            return
        wanted: list[tuple[NoticeKind, str]] = [("regulator", "")]
        if incident.personal_data:
            wanted.append(("pd_authority", ""))
        wanted += [("client", client) for client in incident.entities.clients]
        for kind, client in wanted:
            self._draft(unit, incident, kind, client)

    def _ask_why_late(self, unit: Unit, fact: ClockBreached) -> None:
        """A notice that will be late must say why: the field appears empty, and an empty field cannot be approved."""
        clock = unit.load(LegalClock, fact.clock_id)
        kind = next((kind for kind, name in CLOCK_OF_KIND.items() if name == clock.kind), None)
        if kind not in _EXPLAINED:
            return
        key = notice_id(kind, clock.owner_id, clock.subject)
        notice = unit.load(Notice, key)
        if notice.state == "draft" and not any("late" in fields for fields in notice.content.values()):
            content = {language: {**fields, "late": ""} for language, fields in notice.content.items()}
            unit.record(Notice, key, [NoticeRedrafted(at=unit.at, notice_id=key, content=content)])

    def _draft(self, unit: Unit, incident: Incident, kind: NoticeKind, client: str) -> None:
        key = notice_id(kind, incident.id, client)
        notice = unit.load(Notice, key)
        if notice.state not in ("none", "withdrawn", "draft") or notice.editors:
            return
        late = (
            kind in _EXPLAINED and unit.load(LegalClock, clock_id(CLOCK_OF_KIND[kind], incident.id, client)).breached_at
        )
        content = draft(kind, self._subject(unit, incident, client, late=bool(late)), self.organisation)
        if notice.state == "draft":
            if content != notice.content:
                unit.record(Notice, key, [NoticeRedrafted(at=unit.at, notice_id=key, content=content)])
            return
        drafted = NoticeDrafted(
            at=unit.at,
            notice_id=key,
            kind=kind,
            incident_id=incident.id,
            subject=client,
            template_version=template_version(),
            content=content,
            obligations=tuple(o for o in _CLAUSES[kind] if o in builtin_register()),
            recipient=self.recipients[kind],
        )
        unit.record(Notice, key, [drafted])

    def _subject(self, unit: Unit, incident: Incident, client: str, *, late: bool) -> Subject:
        assert incident.detected_at is not None
        due = unit.query("SELECT due_at FROM clock_view WHERE owner_id = ? AND kind = 'remediation'", incident.id)
        entities = incident.entities
        return Subject(
            number=incident.number,
            incident_class=incident.incident_class,
            detected_at=incident.detected_at,
            source=_SOURCE_OF.get(incident.detection_source, "other"),
            signs={**self.words(incident.rule_name), "en": incident.title},
            clients=len(entities.clients),
            loans=len(entities.loans),
            assets=entities.workstations[:10],
            measures=tuple(incident.measures),
            remediation_due=datetime.fromisoformat(due[0]["due_at"]).astimezone(UTC) if due else None,
            own_loans=entities.loans if client and len(entities.clients) == 1 else (),
            client=client or None,
            late=late,
            utc_offset_minutes=self.utc_offset_minutes(incident.detected_at),
        )

    def _withdraw(self, unit: Unit, incident_id: str, cause: Fact, reason: str) -> None:
        rows = unit.query("SELECT id FROM notice_view WHERE incident_id = ? AND state = 'draft'", incident_id)
        for row in rows:
            key = str(row["id"])
            fact = NoticeWithdrawn(at=unit.at, actor=cause.actor, reason=reason, notice_id=key)
            unit.record(Notice, key, [fact])
