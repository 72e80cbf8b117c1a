"""Notices are drafted at once, kept up with the incident until somebody edits them, followed up when it is over, and
withdrawn when there was no incident."""

from __future__ import annotations

from collections.abc import Mapping

from engine.duties.clock import Clock as LegalClock
from engine.duties.clock import clock_id
from engine.duties.facts import ClockBreached
from engine.governance.register import builtin_register
from engine.incidents import facts as i
from engine.incidents.incident import Incident, ends_duties
from engine.kernel.facts import Fact
from engine.kernel.ports import Clock
from engine.notices.facts import CLOCK_OF_KIND, NoticeDrafted, NoticeKind, NoticeRedrafted, NoticeStage, NoticeWithdrawn
from engine.notices.notice import Notice, notice_id
from infra.commands.drafting import Drafting
from infra.processes.base import DecisionFollower
from infra.store.log.decisions import Decisions, Recorded
from infra.store.log.unit import Unit

CLAUSES: dict[str, tuple[str, ...]] = {
    "regulator": ("notify-regulator-1bd",),
    "client": ("notify-client-1bd",),
    "pd_authority": ("law-pd-breach-authority-1bd",),
    "law_enforcement": ("info-exchange-domestic-abroad",),
    "stakeholder": ("notify-interested-parties-procredit", "notify-interested-parties-smartolet"),
    "afc": ("antifraud-centre-exchange",),
}
_EXPLAINED = ("regulator", "pd_authority")
_WATCHED = (
    i.IncidentOpened,
    i.IncidentReopened,
    i.FindingJoined,
    i.FindingsTakenOver,
    i.IncidentAbsorbed,
    i.ClientsNamed,
    i.NotifiabilityRaised,
    i.ContainmentStarted,
    i.CauseEliminated,
    i.ConsequenceEliminated,
)


class Notices(DecisionFollower):
    """Drafts, redrafts and withdraws notices. Nothing is ever sent from here."""

    name = "notices"
    wants = (
        ClockBreached, i.FindingsDetached, i.NotifiabilityLowered, i.IncidentMerged, i.RecoveryConfirmed,
        i.IncidentClosed, *_WATCHED,
    )  # fmt: skip

    def __init__(self, decisions: Decisions, clock: Clock, drafting: Drafting, recipients: Mapping[str, str]) -> None:
        super().__init__(decisions, clock)
        self.drafting = drafting
        self.recipients = recipients

    def take(self, unit: Unit, recorded: Recorded) -> None:
        """Answer one fact."""
        match recorded.fact:
            case ClockBreached() as fact:
                self._ask_why_late(unit, fact)
            case i.FindingsDetached() as fact:
                self._withdraw_moved(unit, fact)
            case i.NotifiabilityLowered() as fact:
                self._withdraw(unit, fact.incident_id, fact, "the law's duties do not hold")
            case i.IncidentMerged() as fact:
                self._withdraw(unit, fact.incident_id, fact, "the incident was merged into another one")
            case i.RecoveryConfirmed() as fact:
                self._keep_up(unit, fact.incident_id)
                self._follow_up(unit, fact.incident_id, "follow_up", ("regulator", "pd_authority", "client"))
            case i.IncidentClosed() as fact if ends_duties(fact.disposition):
                self._withdraw(unit, fact.incident_id, fact, f"closed as {fact.disposition}")
            case i.IncidentClosed() as fact:
                self._follow_up(unit, fact.incident_id, "final", ("regulator",))
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
        if incident.incident_class == "fraud":
            wanted.append(("afc", ""))
        wanted += [("client", client) for client in incident.entities.clients]
        for kind, client in wanted:
            self._draft(unit, incident, kind, client)

    def _follow_up(self, unit: Unit, incident_id: str, stage: NoticeStage, kinds: tuple[NoticeKind, ...]) -> None:
        """A supplement to what was handed over already (domain notes 6.1); nobody is told of what he never heard."""
        incident = unit.load(Incident, incident_id)
        rows = unit.query(
            "SELECT id FROM notice_view WHERE incident_id = ? AND stage = 'initial' AND state = 'sent'", incident_id
        )
        for row in rows:
            first = unit.load(Notice, str(row["id"]))
            if first.kind in kinds:
                self._write(unit, incident, first.kind, first.subject, stage, follows=first)

    def _ask_why_late(self, unit: Unit, fact: ClockBreached) -> None:
        """A notice that will be late must say why: the field appears empty, and an empty field cannot be approved."""
        clock = unit.load(LegalClock, fact.clock_id)
        kind = next((kind for kind, name in CLOCK_OF_KIND.items() if name == clock.kind), None)
        if kind not in _EXPLAINED:
            return
        key = notice_id(kind, clock.owner_id, clock.subject)
        notice = unit.load(Notice, key)
        if notice.state in ("draft", "review") and not any("late" in fields for fields in notice.content.values()):
            content = {language: {**fields, "late": ""} for language, fields in notice.content.items()}
            unit.record(Notice, key, [NoticeRedrafted(at=unit.at, notice_id=key, content=content)])

    def _draft(self, unit: Unit, incident: Incident, kind: NoticeKind, client: str) -> None:
        notice = unit.load(Notice, notice_id(kind, incident.id, client))
        if notice.state in ("none", "withdrawn", "draft") and not notice.editors:
            self._write(unit, incident, kind, client, "initial")

    def _write(
        self, unit: Unit, incident: Incident, kind: NoticeKind, client: str, stage: NoticeStage,
        follows: Notice | None = None,
    ) -> None:  # fmt: skip
        key = notice_id(kind, incident.id, client, stage)
        notice = unit.load(Notice, key)
        if notice.state not in ("none", "withdrawn", "draft"):
            return
        late = stage == "initial" and kind in _EXPLAINED and _was_breached(unit, kind, incident.id, client)
        content, version = self.drafting.text(unit, incident, kind, stage, client, late=late, follows=follows)
        if notice.state == "draft":
            if content != notice.content and not notice.editors:
                redrafted = NoticeRedrafted(at=unit.at, notice_id=key, content=content, template_version=version)
                unit.record(Notice, key, [redrafted])
            return
        unit.record(
            Notice, key, [drafted(unit, key, incident, kind, client, stage, content, version, self.recipients, follows)]
        )

    def _withdraw_moved(self, unit: Unit, fact: i.FindingsDetached) -> None:
        """Drafts to clients that went to another incident go with them."""
        left = unit.load(Incident, fact.incident_id).entities.clients
        if unit.load(Incident, fact.into).notifiable:
            self._withdraw(unit, fact.incident_id, fact, "the client's finding went to another incident", keep=left)

    def _withdraw(
        self, unit: Unit, incident_id: str, cause: Fact, reason: str, keep: tuple[str, ...] | None = None
    ) -> None:
        rows = unit.query(
            "SELECT id, kind, subject FROM notice_view WHERE incident_id = ? AND state IN ('draft', 'review')",
            incident_id,
        )
        for row in rows:
            if keep is not None and (row["kind"] != "client" or row["subject"] in keep):
                continue
            key = str(row["id"])
            fact = NoticeWithdrawn(at=unit.at, actor=cause.actor, reason=reason, notice_id=key)
            unit.record(Notice, key, [fact])


def _was_breached(unit: Unit, kind: str, incident_id: str, client: str) -> bool:
    return unit.load(LegalClock, clock_id(CLOCK_OF_KIND[kind], incident_id, client)).breached_at is not None


def drafted(
    unit: Unit, key: str, incident: Incident, kind: NoticeKind, client: str, stage: NoticeStage,
    content: dict[str, dict[str, str]], version: str, recipients: Mapping[str, str], follows: Notice | None,
    actor: str | None = None,
) -> NoticeDrafted:  # fmt: skip
    """Give the fact that a draft exists."""
    by = {} if actor is None else {"actor": actor}
    return NoticeDrafted(
        at=unit.at,
        notice_id=key,
        kind=kind,
        incident_id=incident.id,
        subject=client,
        template_version=version,
        content=content,
        obligations=tuple(o for o in CLAUSES[kind] if o in builtin_register()),
        recipient=follows.recipient if follows is not None else recipients[kind],
        stage=stage,
        follows=follows.id if follows is not None else "",
        **by,
    )
