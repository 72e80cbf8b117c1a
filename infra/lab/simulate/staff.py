"""The staff of a simulated lender: they come late, are absent, make mistakes, and try what they must not."""

from __future__ import annotations

from random import Random
from typing import Any

from engine.duties.commands import AcceptLater, AgreeToCancel, ProposeCancellation
from engine.incidents.commands import (
    AssignIncident,
    CloseIncident,
    LowerNotifiability,
    MergeIncident,
    NameClients,
    RaiseNotifiability,
    RecordMeasure,
    SplitIncident,
)
from engine.incidents.incident import Incident
from engine.kernel.commands import Command
from engine.kernel.errors import QorgauError
from engine.kernel.facts import Person
from engine.notices.commands import ApproveNotice, EditNotice, ResendNotice, SettleNotice, SubmitNotice
from engine.notices.notice import Notice
from engine.permissions import Role
from engine.protection.commands import DecideOutcome, ProposeOutcome, VerifyAct
from infra.app.container import Container
from infra.read.rows import checking, notices, protections
from infra.store.models.incidents import IncidentRow

ANALYSTS = (
    Person(id="aigul", roles=frozenset({Role.SOC_ANALYST.value}), name="Aigul"),
    Person(id="erlan", roles=frozenset({Role.FRAUD_ANALYST.value}), name="Erlan"),
)
OFFICERS = (
    Person(id="bolat", roles=frozenset({Role.COMPLIANCE_OFFICER.value}), name="Bolat"),
    Person(id="dana", roles=frozenset({Role.COMPLIANCE_OFFICER.value}), name="Dana"),
)
CISO = Person(id="gulnar", roles=frozenset({Role.CISO.value}), name="Gulnar")
EVERYBODY = (*ANALYSTS, *OFFICERS, CISO)


class Staff:
    """Works what lies open, an office round at a time."""

    def __init__(self, chance: Random) -> None:
        self.chance = chance
        self.away: dict[str, float] = {}
        self.refused = 0

    def round(self, container: Container) -> None:
        """Everybody who is there does some of what lies open."""
        now = container.clock.now().timestamp()
        for person in EVERYBODY:
            if self.chance.random() < 0.01:
                self.away[person.id] = now + self.chance.choice((1, 2, 5, 14)) * 86_400
        analysts = [person for person in (*ANALYSTS, CISO) if self.away.get(person.id, 0) < now]
        officers = [person for person in (*OFFICERS, CISO) if self.away.get(person.id, 0) < now]
        if analysts:
            self._incidents(container, analysts, officers)
        if officers:
            self._notices(container)
            self._protections(container, officers)
            self._clocks(container, officers)

    def settle(self, container: Container) -> None:
        """At the end of the year: somebody does everything that is left for a person."""
        for _ in range(12):
            self._notices(container, all_of_it=True)

    def _try(self, container: Container, command: Command[Any], by: Person) -> None:
        try:
            container.dispatch(command, by=by)
        except QorgauError:
            self.refused += 1  # the domain said no; that is what it is for

    def _incidents(self, container: Container, analysts: list[Person], officers: list[Person]) -> None:
        rows = checking.open_incidents(container.database, 40)
        for row in rows:
            if self.chance.random() < 0.5:
                self._work(container, row, self.chance.choice(analysts), officers)
        if len(rows) > 3 and self.chance.random() < 0.05:
            one, other = self.chance.sample(rows, 2)
            by = self.chance.choice(analysts)
            self._try(container, MergeIncident(incident_id=one.id, into=other.number, reason="the same"), by)

    def _work(self, container: Container, row: IncidentRow, by: Person, officers: list[Person]) -> None:
        key, dice = row.id, self.chance.random()
        match row.phase:
            case "new":
                self._try(container, AssignIncident(incident_id=key, assignee=by.id), by)
                if dice < 0.08:
                    self._try(container, _close(key, "false_positive", "a test"), by)
            case "triaged":
                self._try(container, RecordMeasure(incident_id=key, measure="containment", evidence="blocked"), by)
            case "contained":
                for measure in ("cause", "consequence", "recovery"):
                    self._try(container, RecordMeasure(incident_id=key, measure=measure, evidence="done"), by)
            case "recovered":
                self._try(container, _close(key, "true_positive", "handled"), by)
        if row.proposed_by and officers:
            other = CISO if CISO in officers and row.proposed_by != CISO.id else OFFICERS[0]
            disposition = container.decisions.load(Incident, key).proposed
            if disposition is not None:
                self._try(container, _close(key, disposition[1], "agreed"), other)
        if dice > 0.97:
            self._casework(container, key, by)

    def _casework(self, container: Container, key: str, by: Person) -> None:
        incident = container.decisions.load(Incident, key)
        dice = self.chance.random()
        if dice < 0.4 and len(incident.findings) > 1:
            last = tuple(incident.findings[-1:])
            self._try(container, SplitIncident(incident_id=key, findings=last, reason="another matter"), by)
        elif dice < 0.7:
            name = f"c-{self.chance.randrange(500)}"
            self._try(container, NameClients(incident_id=key, clients=(name,), reason="they called"), by)
        elif dice < 0.85:
            self._try(container, LowerNotifiability(incident_id=key, reason="no secrecy touched"), by)
        else:
            self._try(container, RaiseNotifiability(incident_id=key, personal_data=True, reason="data leaked"), by)

    def _notices(self, container: Container, *, all_of_it: bool = False) -> None:
        for row in notices.lying_open(container.database, 60):
            if all_of_it or self.chance.random() < 0.6:
                self._notice(container, row.id, row.state)

    def _notice(self, container: Container, key: str, state: str) -> None:
        notice = container.decisions.load(Notice, key)
        match state:
            case "draft" | "review":
                for language, fields in notice.content.items():
                    if "late" in fields and not fields["late"].strip():
                        late = {"late": "people were absent"}
                        self._try(container, EditNotice(notice_id=key, language=language, fields=late), ANALYSTS[0])
                if self.chance.random() < 0.1:
                    self._try(container, SubmitNotice(notice_id=key), ANALYSTS[0])
                other = self.chance.choice(OFFICERS)
                self._try(container, ApproveNotice(notice_id=key), other)
            case "unknown":
                waits = any(delivery.claim for delivery in notice.deliveries.values())
                taken = waits or self.chance.random() < 0.5
                said = SettleNotice(notice_id=key, taken=taken, evidence="asked them")
                self._try(container, said, CISO if waits else OFFICERS[0])
            case _:
                for delivery in list(notice.deliveries.values()):
                    if delivery.state in ("refused", "bounced"):
                        to = delivery.recipient
                        again = ResendNotice(notice_id=key, recipient=to, instead_of=to, reason="again")
                        self._try(container, again, OFFICERS[1])

    def _protections(self, container: Container, officers: list[Person]) -> None:
        for row in protections.lying_open(container.database, 20):
            key, by = row.id, self.chance.choice(officers)
            if row.proposed_by:
                self._try(container, DecideOutcome(protection_id=key, agreed=True), by)
            elif self.chance.random() < 0.3:
                genuine = self.chance.random() < 0.95
                self._try(container, VerifyAct(protection_id=key, genuine=genuine, reason="asked the issuer"), by)
            elif self.chance.random() < 0.05:
                self._try(container, ProposeOutcome(protection_id=key, outcome="write-off", reason="the act"), by)

    def _clocks(self, container: Container, officers: list[Person]) -> None:
        for row in checking.clocks_for_people(container.database, 20):
            key, by = row.id, self.chance.choice(officers)
            if row.proposed_by:
                self._try(container, AgreeToCancel(clock_id=key), by)
            elif self.chance.random() < 0.5:
                self._try(container, AcceptLater(clock_id=key, reason="the order is published"), by)
        if self.chance.random() < 0.03:
            running = checking.running_of_incidents(container.database)
            if running is not None:
                by = self.chance.choice(officers)
                self._try(container, ProposeCancellation(clock_id=running.id, reason="no duty"), by)


def _close(key: str, disposition: str, reason: str) -> CloseIncident:
    return CloseIncident(incident_id=key, disposition=disposition, reason=reason)
