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
from infra.app.container import House
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

    def round(self, house: House) -> None:
        """Everybody who is there does some of what lies open."""
        now = house.clock.now().timestamp()
        for person in EVERYBODY:
            if self.chance.random() < 0.01:
                self.away[person.id] = now + self.chance.choice((1, 2, 5, 14)) * 86_400
        analysts = [person for person in (*ANALYSTS, CISO) if self.away.get(person.id, 0) < now]
        officers = [person for person in (*OFFICERS, CISO) if self.away.get(person.id, 0) < now]
        if analysts:
            self._incidents(house, analysts, officers)
        if officers:
            self._notices(house, officers)
            self._protections(house, officers)
            self._clocks(house, officers)

    def settle(self, house: House) -> None:
        """At the end of the year: somebody does everything that is left for a person."""
        for _ in range(12):
            self._notices(house, [*OFFICERS, CISO], all_of_it=True)

    def _try(self, house: House, command: Command[Any], by: Person) -> None:
        try:
            house.dispatch(command, by=by)
        except QorgauError:
            self.refused += 1  # the domain said no; that is what it is for

    def _incidents(self, house: House, analysts: list[Person], officers: list[Person]) -> None:
        rows = checking.open_incidents(house.database, 40)
        for row in rows:
            if self.chance.random() < 0.5:
                self._work(house, row, self.chance.choice(analysts), officers)
        if len(rows) > 3 and self.chance.random() < 0.05:
            one, other = self.chance.sample(rows, 2)
            by = self.chance.choice(analysts)
            self._try(house, MergeIncident(incident_id=one.id, into=other.number, reason="the same"), by)

    def _work(self, house: House, row: IncidentRow, by: Person, officers: list[Person]) -> None:
        key, dice = row.id, self.chance.random()
        match row.phase:
            case "new":
                self._try(house, AssignIncident(incident_id=key, assignee=by.id), by)
                if dice < 0.08:
                    self._try(house, _close(key, "false_positive", "a test"), by)
            case "triaged":
                self._try(house, RecordMeasure(incident_id=key, measure="containment", evidence="blocked"), by)
            case "contained":
                for measure in ("cause", "consequence", "recovery"):
                    self._try(house, RecordMeasure(incident_id=key, measure=measure, evidence="done"), by)
            case "recovered":
                self._try(house, _close(key, "true_positive", "handled"), by)
        if row.proposed_by and officers:
            other = self.chance.choice(officers)
            disposition = house.decisions.load(Incident, key).proposed
            if disposition is not None:
                self._try(house, _close(key, disposition[1], "agreed"), other)
        if dice > 0.97:
            self._casework(house, key, by)

    def _casework(self, house: House, key: str, by: Person) -> None:
        incident = house.decisions.load(Incident, key)
        dice = self.chance.random()
        if dice < 0.4 and len(incident.findings) > 1:
            last = tuple(incident.findings[-1:])
            self._try(house, SplitIncident(incident_id=key, findings=last, reason="another matter"), by)
        elif dice < 0.7:
            name = f"c-{self.chance.randrange(500)}"
            self._try(house, NameClients(incident_id=key, clients=(name,), reason="they called"), by)
        elif dice < 0.85:
            self._try(house, LowerNotifiability(incident_id=key, reason="no secrecy touched"), by)
        else:
            self._try(house, RaiseNotifiability(incident_id=key, personal_data=True, reason="data leaked"), by)

    def _notices(self, house: House, officers: list[Person], *, all_of_it: bool = False) -> None:
        for row in notices.lying_open(house.database, 60):
            if all_of_it or self.chance.random() < 0.6:
                self._notice(house, row.id, row.state, self.chance.choice(officers))

    def _notice(self, house: House, key: str, state: str, by: Person) -> None:
        notice = house.decisions.load(Notice, key)
        match state:
            case "draft" | "review":
                for language, fields in notice.content.items():
                    if "late" in fields and not fields["late"].strip():
                        late = {"late": "people were absent"}
                        self._try(house, EditNotice(notice_id=key, language=language, fields=late), by)
                if self.chance.random() < 0.1:
                    self._try(house, SubmitNotice(notice_id=key), by)
                other = self.chance.choice(OFFICERS)
                self._try(house, ApproveNotice(notice_id=key), other)
            case "unknown":
                taken = self.chance.random() < 0.5
                self._try(house, SettleNotice(notice_id=key, taken=taken, evidence="asked them"), OFFICERS[0])
            case _:
                for delivery in list(notice.deliveries.values()):
                    if delivery.state in ("refused", "bounced"):
                        to = delivery.recipient
                        again = ResendNotice(notice_id=key, recipient=to, instead_of=to, reason="again")
                        self._try(house, again, OFFICERS[1])

    def _protections(self, house: House, officers: list[Person]) -> None:
        for row in protections.lying_open(house.database, 20):
            key, by = row.id, self.chance.choice(officers)
            if row.proposed_by:
                self._try(house, DecideOutcome(protection_id=key, agreed=True), by)
            elif self.chance.random() < 0.3:
                genuine = self.chance.random() < 0.95
                self._try(house, VerifyAct(protection_id=key, genuine=genuine, reason="asked the issuer"), by)
            elif self.chance.random() < 0.05:
                self._try(house, ProposeOutcome(protection_id=key, outcome="write-off", reason="the act"), by)

    def _clocks(self, house: House, officers: list[Person]) -> None:
        for row in checking.clocks_for_people(house.database, 20):
            key, by = row.id, self.chance.choice(officers)
            if row.proposed_by:
                self._try(house, AgreeToCancel(clock_id=key), by)
            elif self.chance.random() < 0.5:
                self._try(house, AcceptLater(clock_id=key, reason="the order is published"), by)
        if self.chance.random() < 0.03:
            running = checking.running_of_incidents(house.database)
            if running is not None:
                by = self.chance.choice(officers)
                self._try(house, ProposeCancellation(clock_id=running.id, reason="no duty"), by)


def _close(key: str, disposition: str, reason: str) -> CloseIncident:
    return CloseIncident(incident_id=key, disposition=disposition, reason=reason)
