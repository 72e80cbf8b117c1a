"""What must hold in a simulated house after every step and at the end; each check names its invariant (I1–I13)."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime

from engine.duties import facts as c
from engine.duties.clock import Clock
from engine.incidents.facts import IncidentClosed, IncidentOpened
from engine.incidents.incident import Incident
from engine.incidents.involved import Involved
from engine.kernel.facts import FindingRaised, StoredFact
from engine.notices import facts as n
from engine.notices import many
from engine.notices.notice import Notice
from infra.app.container import Container
from infra.lab.simulate.outside import Mails
from infra.read.rows import checking, clocks, effects, incidents, notices, protections
from infra.store.log.verify import LOGS, Fault, verify
from infra.store.models.record import Record, stored
from infra.store.sql.database import Readable
from infra.store.sql.view_tables import MODELS
from infra.watchdog.state import Clocks
from infra.watchdog.terms import Line

DUTIES = ("regulator-notice", "immediate-containment", "remediation")


class Violated(AssertionError):
    """An invariant does not hold."""


def after_step(eyes: Readable, now: datetime) -> None:
    """The cheap ones: nothing that is due is unsaid, and nothing satisfied too late is called in time."""
    row = checking.unsaid(eyes, now)
    _demand("I2", row is None, f"a term passed and nobody said so: {row}")
    row = checking.called_in_time(eyes)
    _demand("I2", row is None, f"done too late and called in time: {row}")


class Ending:
    """The whole check at the end of a run."""

    def __init__(self, container: Container, mails: Mails, fed: int, violations: int, calendars: Sequence[str]) -> None:
        self.container = container
        self.mails = mails
        self.fed = fed
        self.violations = violations
        self.calendars = calendars
        self.facts = list(_all(container))

    def check(self) -> None:
        """Check everything."""
        self._duties()
        self._breaches()
        self._independent()
        self._mail()
        self._accepted()
        self._order_of_facts()
        self._logs()
        self._two_persons()
        self._views()
        self._quiet()
        self._protections()

    def _duties(self) -> None:
        """I1: every qualifying incident has, per duty, one clock, and one notice where one is owed."""
        started = Counter(it.fact.clock_id for it in self.facts if isinstance(it.fact, c.ClockStarted))
        _demand("I1", all(count == 1 for count in started.values()), "a clock was started twice")
        findings = {it.fact.finding_id for it in self.facts if isinstance(it.fact, FindingRaised)}
        opened = [it.fact for it in self.facts if isinstance(it.fact, IncidentOpened)]
        by_finding = Counter(fact.finding_id for fact in opened if not fact.split_from and fact.finding_id)
        _demand("I1", all(count == 1 for count in by_finding.values()), "a finding opened two incidents")
        for key in incidents.all_ids(self.container.database):
            incident = self.container.decisions.load(Incident, key)
            findings -= {*incident.findings, *incident.suppressed}
            if incident.notifiable:
                self._owed(incident)
        _demand("I1", not findings, f"{len(findings)} findings are in no incident")

    def _owed(self, incident: Incident) -> None:
        rows = clocks.of_owner(self.container.database, incident.id)
        kinds = Counter((row.kind, row.subject) for row in rows)
        for kind in DUTIES:
            _demand("I1", kinds[kind, ""] == 1, f"{incident.number} has {kinds[kind, '']} clocks of {kind}")
        for client in incident.entities.clients:
            _demand("I1", kinds["client-notice", client] == 1, f"{incident.number} owes {client} one notice")
        if incident.is_open:
            kinds_open = {row.kind for row in rows if row.state != "cancelled"}
            missing = set(DUTIES) - kinds_open - self._cancelled_by_two(incident.id)
            _demand("I1", not missing, f"{incident.number} is open and its duties {missing} do not run")
            drafted = notices.of_incident(self.container.database, incident.id)
            first = [row for row in drafted if row.kind == "regulator" and row.stage == "initial"]
            _demand("I4", len(first) == 1, f"{incident.number} has no regulator notice")

    def _cancelled_by_two(self, owner: str) -> set[str]:
        rows = clocks.of_owner(self.container.database, owner)
        return {row.kind for row in rows if self.container.decisions.load(Clock, row.id).cancelled_by_people}

    def _breaches(self) -> None:
        """I2: a breach carries the instant at which the term ended, not that of its recording."""
        for row in checking.breached(self.container.database):
            clock = self.container.decisions.load(Clock, row.id)
            ok = clock.breached_at is not None and clock.breached_at == clock.breach_instant
            _demand("I2", ok or clock.cancelled, f"the breach of {clock.kind} carries another instant than its term's")

    def _independent(self) -> None:
        """I2 again, by the watchdog's own arithmetic."""
        facts = [
            (it.fact.topic, json.loads(it.fact.model_dump_json())) for it in self.facts if isinstance(it.fact, c.FACTS)
        ]
        for text in self.calendars:
            watched = Clocks(Line(text))
            watched.take(facts)
            _demand("I2", not watched.disagreements, f"counted differently: {watched.disagreements[:1]}")
            missed = watched.missed(self.container.clock.now(), 1.0)
            _demand("I2", not missed, f"the watchdog found a term that passed unsaid: {missed[:1]}")

    def _mail(self) -> None:
        """I4, I5: no notice leaves the set; what was taken twice was in doubt between, and marked."""
        sent: Counter[str] = Counter()
        doubted: set[str] = set()
        for it in self.facts:
            if isinstance(it.fact, n.NoticeUnknown):
                doubted.add(it.fact.notice_id)
            if isinstance(it.fact, n.NoticeSent):
                sent[it.fact.notice_id] += 1
        for name, count in self.mails.taken.items():
            key = name.strip("<>").partition("@")[0].partition(".")[0]
            if count > 1 and not key.startswith(("alert", "order")):
                _demand("I5", key in doubted, f"{count} copies of a notice that was never in doubt")
                _demand("I5", self.mails.marked[name] >= count - 1, "a copy that was not marked as a repeat")
        rows = notices.every(self.container.database)
        shown = {row.id for row in rows}
        for row in rows:
            notice = self.container.decisions.load(Notice, row.id)
            _demand("I4", row.state == notice.state, "a notice's row and its facts disagree")
            if notice.state == "sent" and self._by_mail(notice):
                taken = any(self.mails.taken[name] for name in self.mails.taken if notice.id in name)
                _demand("I4", taken, "a notice is called sent that nobody took")
            if notice.to_many and notice.approved_at is not None:
                _demand("I4", len(notice.listed) == notice.addressees, "an approved text has not its whole list")
                notices_of = {many.client_notice_id(notice, client) for client in notice.listed}
                _demand("I4", notice.stage != "initial" or notices_of <= shown, "a client of a text has no notice")
            elif notice.state == "approved":
                waiting = effects.unsettled(self.container.database, f"mail:{notice.id}")
                _demand("I4", bool(waiting), "an approved notice is in no queue")

    def _by_mail(self, notice: Notice) -> bool:
        return all(delivery.channel == "smtp" for delivery in notice.deliveries.values())

    def _accepted(self) -> None:
        """I6: what was taken is stored or set aside."""
        database = self.container.database
        times, own = effects.set_aside(database), effects.done_of_kind(database, "ledger")
        stored = self.container.ledger.head() - own
        _demand("I6", self.fed == stored + times, f"{self.fed} taken, {stored} stored, {times} set aside")

    def _order_of_facts(self) -> None:
        """I8: positions without a gap, and the time of recording never falls."""
        last = None
        for place, it in enumerate(self.facts, 1):
            _demand("I8", it.position == place, f"a gap before position {it.position}")
            _demand("I8", last is None or it.fact.at >= last, f"time falls at position {it.position}")
            last = it.fact.at

    def _logs(self) -> None:
        """I9: both logs verify: chain, tree, signatures, and that each head continues the one before."""
        for log in LOGS:
            for step in verify(self.container.database, log, self.container.store.signer.verifier):
                _demand("I9", not isinstance(step, Fault), f"{log}: {step}")

    def _two_persons(self) -> None:
        """I10: nobody stood on both sides."""
        editors: dict[str, set[str]] = {}
        involved, about = defaultdict[str, Involved](Involved), dict[str, str]()
        for it in self.facts:
            if it.fact.topic.startswith("incident."):
                involved[it.originator].note(it.fact)
            match it.fact:
                case n.NoticeDrafted() as fact:
                    about[fact.notice_id] = fact.incident_id
                    editors.setdefault(fact.notice_id, set()).add(fact.actor)
                case n.NoticeEdited() as fact:
                    editors.setdefault(fact.notice_id, set()).add(fact.actor)
                case n.NoticeApproved() as fact:
                    _demand("I10", fact.actor not in editors.get(fact.notice_id, set()), "approved his own text")
                    people = involved[about[fact.notice_id]]
                    worked = fact.actor in people.acted | people.assigned
                    _demand("I10", fact.as_last or not worked, "approved a notice of an incident he worked on")
                case n.NoticeSent(claimed_by=str(other)) as fact if other:
                    _demand("I10", fact.actor != other, "said twice that a notice arrived")
                case c.ClockCancelled() as fact:
                    _demand("I10", fact.actor != fact.second_person, "cancelled a clock alone")
                case IncidentClosed(second_person=str(other)) as fact:
                    _demand("I10", fact.actor != other, "closed a notifiable incident alone")

    def _views(self) -> None:
        """I11: the read models are what a fresh fold of the log gives."""
        before = {kind: self._dump(kind) for kind in MODELS}
        self.container.decisions.rebuild_views()
        for kind, rows in before.items():
            _demand("I11", rows == self._dump(kind), f"{kind.table.name} is not what the log gives")

    def _dump(self, kind: type[Record]) -> list[tuple[str, ...]]:
        rows = (stored(it) for it in checking.content(self.container.database, kind))
        return sorted(tuple(str(v) for k, v in row.items() if k != "updated_at") for row in rows)

    def _quiet(self) -> None:
        """I13: after the faults stop nothing waits for a machine."""
        left = effects.unsettled(self.container.database)
        _demand("I13", not left, f"an effect waits although nothing is broken: {left[:1]}")
        behind = self.container.decisions.head() - min(
            self.container.decisions.tracked(name) for name in ("incidents", "clocks", "notices", "orders", "alerts")
        )
        _demand("I13", behind == 0, f"a follower is {behind} facts behind")

    def _protections(self) -> None:
        """I3: every order is acknowledged or revoked, and every violation was found."""
        open_orders = protections.unanswered(self.container.database)
        _demand("I3", not open_orders, "an order is neither acknowledged nor revoked")
        found = protections.violations(self.container.database)
        _demand("I3", found >= self.violations, f"{self.violations} violations were done, {found} were found")


def _all(container: Container) -> Iterator[StoredFact]:
    position = 0
    while batch := container.decisions.read(position, 2_000):
        yield from batch
        position = batch[-1].position


def _demand(name: str, holds: bool, words: str) -> None:
    if not holds:
        raise Violated(f"{name}: {words}")
