"""The staff of a simulated lender: they come late, are absent, make mistakes, and try what they must not."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

from engine.incidents.incident import Incident
from engine.kernel.errors import QorgauError
from engine.kernel.facts import Person
from engine.notices.notice import Notice
from infra.app.container import House

ANALYSTS = (
    Person(id="aigul", roles=frozenset({"soc_analyst"}), name="Aigul"),
    Person(id="erlan", roles=frozenset({"fraud_analyst"}), name="Erlan"),
)
OFFICERS = (
    Person(id="bolat", roles=frozenset({"compliance_officer"}), name="Bolat"),
    Person(id="dana", roles=frozenset({"compliance_officer"}), name="Dana"),
)
CISO = Person(id="gulnar", roles=frozenset({"ciso"}), name="Gulnar")
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

    def _try(self, act: Callable[[], object]) -> None:
        try:
            act()
        except QorgauError:
            self.refused += 1  # the domain said no; that is what it is for

    def _incidents(self, house: House, analysts: list[Person], officers: list[Person]) -> None:
        rows = house.database.rows(
            "SELECT id, number, phase, notifiable, proposed_by FROM incident_view WHERE is_open = 1 "
            "ORDER BY opened_at LIMIT 40"
        )
        for row in rows:
            if self.chance.random() < 0.5:
                self._work(house, row, self.chance.choice(analysts), officers)
        if len(rows) > 3 and self.chance.random() < 0.05:
            one, other = self.chance.sample(rows, 2)
            by = self.chance.choice(analysts)
            self._try(lambda: house.acts.merge(one["id"], other["number"], "the same", by=by))

    def _work(self, house: House, row: dict[str, Any], by: Person, officers: list[Person]) -> None:
        acts, key, dice = house.acts, str(row["id"]), self.chance.random()
        match row["phase"]:
            case "new":
                self._try(lambda: acts.assign(key, by.id, by=by))
                if dice < 0.08:
                    self._try(lambda: acts.close(key, "false_positive", "a test", by=by))
            case "triaged":
                self._try(lambda: acts.measure(key, "containment", "blocked", by=by))
            case "contained":
                for measure in ("cause", "consequence", "recovery"):
                    self._try(lambda name=measure: acts.measure(key, name, "done", by=by))  # type: ignore[misc]
            case "recovered":
                self._try(lambda: acts.close(key, "true_positive", "handled", by=by))
        if row["proposed_by"] and officers:
            other = self.chance.choice(officers)
            disposition = house.decisions.load(Incident, key).proposed
            if disposition is not None:
                self._try(lambda: acts.close(key, disposition[1], "agreed", by=other))
        if dice > 0.97:
            self._casework(house, key, by)

    def _casework(self, house: House, key: str, by: Person) -> None:
        incident = house.decisions.load(Incident, key)
        dice = self.chance.random()
        if dice < 0.4 and len(incident.findings) > 1:
            self._try(lambda: house.acts.split(key, incident.findings[-1:], "", "another matter", by=by))
        elif dice < 0.7:
            name = f"c-{self.chance.randrange(500)}"
            self._try(lambda: house.acts.name_clients(key, [name], [], "they called", by=by))
        elif dice < 0.85:
            self._try(lambda: house.acts.lower_notifiability(key, "no secrecy touched", by=by))
        else:
            self._try(lambda: house.acts.raise_notifiability(key, True, "data leaked", by=by))

    def _notices(self, house: House, officers: list[Person], *, all_of_it: bool = False) -> None:
        rows = house.database.rows(
            "SELECT id, state FROM notice_view WHERE state IN ('draft', 'review', 'refused', 'unknown', 'bounced') "
            "ORDER BY drafted_at LIMIT 60"
        )
        for row in rows:
            if all_of_it or self.chance.random() < 0.6:
                self._notice(house, str(row["id"]), str(row["state"]), self.chance.choice(officers))

    def _notice(self, house: House, key: str, state: str, by: Person) -> None:
        acts, notice = house.acts, house.decisions.load(Notice, key)
        match state:
            case "draft" | "review":
                for language, fields in notice.content.items():
                    if "late" in fields and not fields["late"].strip():
                        late = {"late": "people were absent"}
                        self._try(lambda name=language, text=late: acts.edit_notice(key, name, text, None, by=by))  # type: ignore[misc]
                if self.chance.random() < 0.1:
                    self._try(lambda: acts.submit_notice(key, None, by=by))
                other = self.chance.choice(OFFICERS)
                self._try(lambda: acts.approve_notice(key, None, by=other))
            case "unknown":
                taken = self.chance.random() < 0.5
                self._try(lambda: acts.settle_notice(key, taken, "asked them", by=OFFICERS[0]))
            case _:
                for delivery in list(notice.deliveries.values()):
                    if delivery.state in ("refused", "bounced"):
                        to = delivery.recipient
                        self._try(lambda name=to: acts.resend_notice(key, name, name, "again", by=OFFICERS[1]))  # type: ignore[misc]

    def _protections(self, house: House, officers: list[Person]) -> None:
        rows = house.database.rows(
            "SELECT id, genuine, registered_by, proposed_by, state FROM protection_view WHERE genuine IS NULL "
            "OR proposed_by IS NOT NULL ORDER BY received_at LIMIT 20"
        )
        for row in rows:
            key, by = str(row["id"]), self.chance.choice(officers)
            if row["proposed_by"]:
                self._try(lambda k=key, b=by: house.acts.decide_outcome(k, True, "", by=b))  # type: ignore[misc]
            elif self.chance.random() < 0.3:
                genuine = self.chance.random() < 0.95
                self._try(lambda k=key, b=by, g=genuine: house.acts.verify_act(k, g, "asked the issuer", by=b))  # type: ignore[misc]
            elif self.chance.random() < 0.05:
                self._try(lambda k=key, b=by: house.acts.propose_outcome(k, "write-off", "the act", by=b))  # type: ignore[misc]

    def _clocks(self, house: House, officers: list[Person]) -> None:
        rows = house.database.rows(
            "SELECT id, proposed_by, offered_due_at FROM clock_view WHERE running = 1 AND (proposed_by IS NOT NULL OR "
            "offered_due_at IS NOT NULL) LIMIT 20"
        )
        for row in rows:
            key, by = str(row["id"]), self.chance.choice(officers)
            if row["proposed_by"]:
                self._try(lambda k=key, b=by: house.acts.agree_to_cancel(k, by=b))  # type: ignore[misc]
            elif self.chance.random() < 0.5:
                self._try(lambda k=key, b=by: house.acts.accept_later(k, "the order is published", by=b))  # type: ignore[misc]
        if self.chance.random() < 0.03:
            running = house.database.row(
                "SELECT id FROM clock_view WHERE running = 1 AND owner_kind = 'incident' LIMIT 1"
            )
            if running is not None:
                by = self.chance.choice(officers)
                self._try(lambda: house.acts.propose_cancellation(str(running["id"]), "no duty", by=by))
