"""What must hold in a simulated house after every step and at the end; each check names its invariant (I1–I13)."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from engine.duties import facts as c
from engine.duties.clock import Clock
from engine.incidents.facts import IncidentClosed, IncidentOpened
from engine.incidents.incident import Incident
from engine.kernel.facts import FindingRaised, StoredFact
from engine.kernel.timestamps import iso
from engine.notices import facts as n
from engine.notices.notice import Notice
from infra.app.container import House
from infra.lab.simulate.outside import Mails
from infra.store.log.verify import LOGS, Fault, verify
from infra.store.sql.view_tables import NAMES
from infra.watchdog.state import Clocks
from infra.watchdog.terms import Line

DUTIES = ("regulator-notice", "immediate-containment", "remediation")
REGULAR = "CASE reading WHEN 'strict' THEN due_at ELSE latest_at END"


class Violated(AssertionError):
    """An invariant does not hold."""


def after_step(eyes: sqlite3.Connection, now: datetime) -> None:
    """The cheap ones: nothing that is due is unsaid, and nothing satisfied too late is called in time."""
    row = eyes.execute(
        f"SELECT id, kind FROM clock_view WHERE running = 1 AND breached_at IS NULL AND {REGULAR} <= ? LIMIT 1",  # noqa: S608 - our own names
        (iso(now),),
    ).fetchone()
    _demand("I2", row is None, f"a term passed and nobody said so: {row}")
    row = eyes.execute(
        f"SELECT id, kind FROM clock_view WHERE satisfied_at > {REGULAR} AND breached_at IS NULL LIMIT 1"  # noqa: S608 - our own names
    ).fetchone()
    _demand("I2", row is None, f"done too late and called in time: {row}")


class Ending:
    """The whole check at the end of a run."""

    def __init__(self, house: House, mails: Mails, fed: int, violations: int, calendars: Sequence[str]) -> None:
        self.house = house
        self.mails = mails
        self.fed = fed
        self.violations = violations
        self.calendars = calendars
        self.facts = list(_all(house))

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
        for row in self.house.database.rows("SELECT id FROM incident_view"):
            incident = self.house.decisions.load(Incident, str(row["id"]))
            findings -= {*incident.findings, *incident.suppressed}
            if incident.notifiable:
                self._owed(incident)
        _demand("I1", not findings, f"{len(findings)} findings are in no incident")

    def _owed(self, incident: Incident) -> None:
        rows = self.house.database.rows("SELECT kind, subject, state FROM clock_view WHERE owner_id = ?", incident.id)
        kinds = Counter((row["kind"], row["subject"]) for row in rows)
        for kind in DUTIES:
            _demand("I1", kinds[kind, ""] == 1, f"{incident.number} has {kinds[kind, '']} clocks of {kind}")
        for client in incident.entities.clients:
            _demand("I1", kinds["client-notice", client] == 1, f"{incident.number} owes {client} one notice")
        if incident.is_open:
            kinds_open = {row["kind"] for row in rows if row["state"] != "cancelled"}
            missing = set(DUTIES) - kinds_open - self._cancelled_by_two(incident.id)
            _demand("I1", not missing, f"{incident.number} is open and its duties {missing} do not run")
            notices = Counter(
                row["kind"]
                for row in self.house.database.rows(
                    "SELECT kind FROM notice_view WHERE incident_id = ? AND stage = 'initial'", incident.id
                )
            )
            _demand("I4", notices["regulator"] == 1, f"{incident.number} has no regulator notice")

    def _cancelled_by_two(self, owner: str) -> set[str]:
        rows = self.house.database.rows("SELECT id, kind FROM clock_view WHERE owner_id = ?", owner)
        return {row["kind"] for row in rows if self.house.decisions.load(Clock, str(row["id"])).cancelled_by_people}

    def _breaches(self) -> None:
        """I2: a breach carries the instant at which the term ended, not that of its recording."""
        for row in self.house.database.rows("SELECT id FROM clock_view WHERE breached_at IS NOT NULL"):
            clock = self.house.decisions.load(Clock, str(row["id"]))
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
            missed = watched.missed(self.house.clock.now(), 1.0)
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
        for row in self.house.database.rows("SELECT id, state FROM notice_view"):
            notice = self.house.decisions.load(Notice, str(row["id"]))
            _demand("I4", row["state"] == notice.state, "a notice's row and its facts disagree")
            if notice.state == "sent" and self._by_mail(notice):
                taken = any(self.mails.taken[name] for name in self.mails.taken if notice.id in name)
                _demand("I4", taken, "a notice is called sent that nobody took")
            if notice.state == "approved":
                waiting = self.house.database.scalar(
                    "SELECT COUNT(*) FROM outbox WHERE state IN ('waiting', 'performing') AND key LIKE ?",
                    f"mail:{notice.id}%",
                )
                _demand("I4", bool(waiting), "an approved notice is in no queue")

    def _by_mail(self, notice: Notice) -> bool:
        return all(delivery.channel == "smtp" for delivery in notice.deliveries.values())

    def _accepted(self) -> None:
        """I6: what was taken is stored or set aside."""
        database = self.house.database
        times = int(database.scalar("SELECT SUM(times) FROM dead_letters") or 0)
        own = int(database.scalar("SELECT COUNT(*) FROM outbox WHERE kind = 'ledger' AND state = 'done'") or 0)
        stored = self.house.ledger.head() - own
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
            for step in verify(self.house.database, log, self.house.store.signer.verifier):
                _demand("I9", not isinstance(step, Fault), f"{log}: {step}")

    def _two_persons(self) -> None:
        """I10: nobody stood on both sides."""
        editors: dict[str, set[str]] = {}
        for it in self.facts:
            match it.fact:
                case n.NoticeEdited() as fact:
                    editors.setdefault(fact.notice_id, set()).add(fact.actor)
                case n.NoticeApproved() as fact:
                    _demand("I10", fact.actor not in editors.get(fact.notice_id, set()), "approved his own text")
                case c.ClockCancelled() as fact:
                    _demand("I10", fact.actor != fact.second_person, "cancelled a clock alone")
                case IncidentClosed(second_person=str(other)) as fact:
                    _demand("I10", fact.actor != other, "closed a notifiable incident alone")

    def _views(self) -> None:
        """I11: the read models are what a fresh fold of the log gives."""
        before = {name: self._dump(name) for name in NAMES}
        self.house.decisions.rebuild_views()
        for name, rows in before.items():
            _demand("I11", rows == self._dump(name), f"{name} is not what the log gives")

    def _dump(self, name: str) -> list[tuple[Any, ...]]:
        rows = self.house.database.rows(f"SELECT * FROM {name}")  # noqa: S608 - our own names
        return sorted(tuple(str(v) for k, v in row.items() if k != "updated_at") for row in rows)

    def _quiet(self) -> None:
        """I13: after the faults stop nothing waits for a machine."""
        row = self.house.database.row(
            "SELECT key, last_answer FROM outbox WHERE state IN ('waiting', 'performing') LIMIT 1"
        )
        _demand("I13", row is None, f"an effect waits although nothing is broken: {row}")
        behind = self.house.decisions.head() - min(
            self.house.decisions.tracked(name) for name in ("incidents", "clocks", "notices", "orders", "alerts")
        )
        _demand("I13", behind == 0, f"a follower is {behind} facts behind")

    def _protections(self) -> None:
        """I3: every order is acknowledged or revoked, and every violation was found."""
        row = self.house.database.row("SELECT id FROM order_view WHERE acknowledged_at IS NULL AND revoked = 0 LIMIT 1")
        _demand("I3", row is None, "an order is neither acknowledged nor revoked")
        found = int(self.house.database.scalar("SELECT SUM(violations) FROM protection_view") or 0)
        _demand("I3", found >= self.violations, f"{self.violations} violations were done, {found} were found")


def _all(house: House) -> Iterator[StoredFact]:
    position = 0
    while batch := house.decisions.read(position, 2_000):
        yield from batch
        position = batch[-1].position


def _demand(name: str, holds: bool, words: str) -> None:
    if not holds:
        raise Violated(f"{name}: {words}")
