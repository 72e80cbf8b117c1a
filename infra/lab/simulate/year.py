"""A year of a lender in virtual time: real engine, real store, random faults, crashes and absent staff.

The same seed gives the same trace, whatever the machine. Nothing sleeps; time jumps to the next instant at which
something happens: an event comes in, a clock is due, an effect is tried again, the office works.
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import orjson
from argon2 import PasswordHasher

from engine.kernel.timestamps import iso
from engine.protection.commands import EnterAct
from engine.terms.calendar import builtin_overrides
from infra.app.container import Container, Outside, open_container, stages_of
from infra.inbound.parser_pool import Batch
from infra.lab.simulate.eyes import Eyes
from infra.lab.simulate.invariants import Ending, after_step
from infra.lab.simulate.outside import Mails, Systems
from infra.lab.simulate.rounds import Rounds
from infra.lab.simulate.staff import EVERYBODY, OFFICERS, Staff
from infra.processes.base import Stage
from infra.read.rows import clocks, effects, figures, incidents, protections
from infra.settings.settings import Settings
from reports.document import Document
from reports.drafter import TemplateSandbox
from reports.render import Format
from rules.detection.pack import builtin_rules

START = datetime(2026, 1, 5, 3, 0, tzinfo=UTC)
DAYS = 365
OFFICE_HOURS = ((4, 30), (7, 0), (9, 30), (12, 0))
"""When the office works, in UTC (Almaty is five hours ahead)."""
INCIDENTS, NOISE, ACTS = 60, 150, 10
CRASHES = 14
SIMULATED = "http://sim.example/orders"
"""The address of every other system; what goes there is answered here."""
PASSWORD = "simulated staff, no secret"  # noqa: S105


class Crash(Exception):
    """The process dies here."""


class VirtualClock:
    """Time that only the simulation moves."""

    def __init__(self, at: datetime) -> None:
        self.at = at

    def now(self) -> datetime:
        """Return the present instant."""
        return self.at


def plain(document: Document, wanted: Format) -> bytes:
    """Stand in for the renderer: the same text, without starting a process for each page."""
    return orjson.dumps(document.model_dump(mode="json")) if wanted != "txt" else document.parts[0].title.encode()


class SharedDrafter(TemplateSandbox):
    """The child that fills templates outlives the simulated crashes: starting it is no part of what is simulated."""

    def close(self) -> None:
        """Do nothing: the simulated time stands still."""


@dataclass
class Result:
    """What a simulated year came to."""

    seed: int
    trace: str
    """SHA-256 over every fact of the log of decisions: the same seed gives the same."""
    counts: dict[str, int] = field(default_factory=dict)


class Year:
    """One simulated year."""

    def __init__(
        self, seed: int, folder: Path, days: int = DAYS, prepare: Callable[[Container, list[Stage]], None] | None = None
    ) -> None:
        self.seed = seed
        self.chance = Random(seed)
        self.folder = folder
        self.days = days
        self.prepare = prepare or (lambda container, stages: None)
        self.clock = VirtualClock(START)
        self.mails = Mails(Random(seed + 1), self.clock)
        self.systems = Systems(Random(seed + 2), self.clock)
        self.staff = Staff(Random(seed + 3))
        self.fed = self.violations = self.crashes = self.steps = 0
        self.protected: list[tuple[str, str]] = []
        self.settings = Settings(
            data=folder, collections_url=SIMULATED, loans_url=SIMULATED, bureau_url=SIMULATED, bureaus=("pkb", "gkb"),
            regulator_mail="regulator@example.kz, copy@example.kz", notice_languages=("ru",),
            organisation_bin="000000000000",
        ).for_demonstration()  # fmt: skip
        self.calendar_orders = ""
        self.calendars = [builtin_overrides()]
        """The override files of the year, as they followed each other."""
        self.drafter = SharedDrafter()
        self._open()
        for person in EVERYBODY:
            self.container.accounts.add(person.id, person.name, tuple(person.roles), PASSWORD, actor="simulation")

    def _open(self) -> None:
        self.container = open_container(self.settings, self.clock)
        self.container.accounts.hasher = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)
        outside = Outside(self.mails, self.systems, plain)
        self.stages = stages_of(self.container, outside)
        self.eyes = Eyes(self.folder / "qorgau.sqlite")
        self.rounds = Rounds(self.stages, self.eyes, self.clock)
        self.container.wordbook.writer.drafter = self.drafter
        self.container.store.keyring._index = b"the same in every run: pseudonyms stand in findings"
        self.prepare(self.container, self.stages)

    def run(self) -> Result:
        """Live the year, then let the faults stop, and check everything. Raises Violated."""
        plan = sorted(self._plan(), key=lambda entry: entry[0])
        place = 0
        end = START + timedelta(days=self.days)
        rounds = self._rounds(end)
        office = next(rounds)
        while self.clock.at < end:
            upcoming = [office, end, *(plan[place][:1] if place < len(plan) else ())]
            due = self._next_due()
            self.clock.at = max(self.clock.at, min([*upcoming, *due]))
            while place < len(plan) and plan[place][0] <= self.clock.at:
                self._step(plan[place][1])
                place += 1
            if office <= self.clock.at:
                self._step(lambda: self.staff.round(self.container))
                office = next(rounds)
            self._step(lambda: None)
        self._calm_down()
        for stage in self.stages:
            stage.step()
        Ending(self.container, self.mails, self.fed, self.violations, self.calendars).check()
        result = Result(self.seed, self._trace(), self._counts())
        self._close()
        super(SharedDrafter, self.drafter).close()
        return result

    def _close(self) -> None:
        self.eyes.close()
        self.container.close()

    def _rounds(self, end: datetime) -> Iterator[datetime]:
        day = START.date()
        while True:
            if self.container.calendar.is_business_day(day):
                for hour, minute in OFFICE_HOURS:
                    yield datetime(day.year, day.month, day.day, hour, minute, tzinfo=UTC)
            day += timedelta(days=1)
            if datetime(day.year, day.month, day.day, tzinfo=UTC) > end + timedelta(days=2):
                yield end + timedelta(days=9)

    def _next_due(self) -> list[datetime]:
        found = clocks.next_instant(self.eyes), effects.next_try(self.eyes)
        return [at for at in found if at is not None]

    def _step(self, act: Callable[[], object]) -> None:
        """Do one thing, sweep, work; a crash anywhere in it is a new process over the same store."""
        self.steps += 1
        dying = self.chance.random() < CRASHES / 4_000
        try:
            with self._dying(dying):
                act()
                self._go_on()
        except Crash:
            self.crashes += 1
            self._close()
            self._open()
            self._go_on()
        after_step(self.eyes, self.clock.at)

    def _go_on(self) -> None:
        """Sweep and work until neither finds anything."""
        self._sweep()
        self.rounds.run()
        while self._sweep():
            self.rounds.run()

    def _sweep(self) -> bool:
        due = clocks.next_instant(self.eyes)
        return due is not None and due <= self.clock.at and self.container.sweep.run() > 0

    @contextmanager
    def _dying(self, wanted: bool) -> Iterator[None]:
        """Make one of the next commits the last thing this process does, or almost does."""
        if not wanted:
            yield
            return
        left, before = self.chance.randrange(1, 12), self.chance.random() < 0.5
        decisions = self.container.decisions
        real = decisions.unit

        @contextmanager
        def unit(at: datetime) -> Iterator[Any]:
            nonlocal left
            left -= 1
            with real(at) as it:
                yield it
                if left <= 0 and before:
                    raise Crash
            if left <= 0:
                raise Crash

        decisions.unit = unit  # type: ignore[method-assign]
        try:
            yield
        finally:
            decisions.unit = real  # type: ignore[method-assign]

    def _calm_down(self) -> None:
        """The faults stop; an hour later no machine may wait, and people do what is left for them."""
        self.mails.faulty = self.systems.faulty = False
        self.staff.away.clear()
        for _ in range(30):
            self.clock.at += timedelta(minutes=10)
            self._step(lambda: self.staff.settle(self.container))
        for _ in range(8):
            self.clock.at += timedelta(minutes=10)
            self._step(lambda: None)

    def _plan(self) -> Iterator[tuple[datetime, Callable[[], None]]]:
        """What comes in from outside, and when."""
        share = self.days / DAYS
        templates = _templates()
        for kind in range(round(INCIDENTS * share)):
            at, template = self._any_time(), self.chance.choice(templates)
            yield at, partial(self._feed, template, kind)
            if self.chance.random() < 0.4:
                later = at + timedelta(minutes=self.chance.choice((3, 40, 900, 3_000)))
                yield later, partial(self._feed, template, kind, again=True)
        for number in range(round(NOISE * share)):
            yield self._any_time(), partial(self._noise, number)
        for number in range(round(ACTS * share)):
            yield self._any_time(), partial(self._act, number)
        for _ in range(round(3 * share)):
            yield self._any_time(), self._order_of_government

    def _any_time(self) -> datetime:
        return START + timedelta(seconds=self.chance.randrange(60, self.days * 86_400 - 14 * 86_400))

    def _feed(self, template: dict[str, Any], kind: int, again: bool = False) -> None:
        client = f"c-{kind % 40}"
        fields = {
            name: (value.replace("c1", client) if name == "mfo.client.id" else f"{value}-{kind % 25}")
            if isinstance(value, str) and name in _IDS
            else value
            for name, value in template.items()
        }
        fields["event.id"] = f"s{self.seed}-{kind}{'-again' if again else ''}"
        self._take(fields)

    def _take(self, *documents: dict[str, Any], raw: bytes = b"") -> None:
        lines = []
        for fields in documents:
            fields["@timestamp"] = iso(self.clock.at)
            lines.append(orjson.dumps(fields))
        if raw:
            lines.append(raw)
        receipt = self.container.intake.take(Batch("sim", None, self.clock.at, b"\n".join(lines)))
        self.fed += len(lines) - receipt.taken.duplicate

    def _noise(self, number: int) -> None:
        fields = {
            "event.id": f"n{self.seed}-{number}", "event.action": "portal.login.succeeded",
            "mfo.client.id": f"c-{number % 300}", "mfo.auth.factors": ["password", "otp"],
        }  # fmt: skip
        self._take(fields, raw=b'{"broken": %d' % number if self.chance.random() < 0.1 else b"")
        if self.protected and self.chance.random() < 0.06:
            client, loan = self.chance.choice(self.protected)
            self._violate(client, loan, number)

    def _violate(self, client: str, loan: str, number: int) -> None:
        """A collector calls a protected borrower."""
        if not protections.holding(self.container.database, client):
            return
        known = incidents.open_of_rule(self.container.database, "collection-after-stop", loan)
        fields = {
            "event.id": f"v{self.seed}-{number}", "event.action": "collection.contact_attempted",
            "mfo.client.id": client, "mfo.loan.id": loan, "mfo.channel": "call",
        }  # fmt: skip
        self._take(fields)
        self.violations += not known

    def _act(self, number: int) -> None:
        client, loan = f"p{self.seed}-{number}", f"L-{self.seed}-{number}"
        local = self.container.calendar.local(self.clock.at).date()
        if self.chance.random() < 0.5:
            fields = {
                "event.id": f"a{self.seed}-{number}", "event.action": "legal.act.received",
                "mfo.kind": "victim_resolution", "mfo.act.issuer": "police", "mfo.act.number": f"{number}",
                "mfo.act.date": local.isoformat(), "mfo.client.id": client, "mfo.loan.ids": [loan],
            }  # fmt: skip
            self._take(fields)
        else:
            self._enter(client, loan, number, local)
        self.protected.append((client, loan))

    def _enter(self, client: str, loan: str, number: int, local: date) -> None:
        act = EnterAct(
            kind="remedial_submission", issuer="police", number=f"h{number}", act_date=local,
            received_at=self.clock.at, channel="office", client=client, loans=(loan,), bureaus=("pkb", "gkb"),
        )  # fmt: skip
        self.container.dispatch(act, by=self.chance.choice(OFFICERS))

    def _order_of_government(self) -> None:
        """A day is moved by an order published at short notice; the engine starts with the new calendar."""
        day = self.clock.at.date() + timedelta(days=self.chance.randrange(1, 4))
        working = not self.container.calendar.is_business_day(day)
        if f"date: {day}" in self.calendar_orders:
            return
        self.calendar_orders += (
            f"  - {{date: {day}, working: {str(working).lower()}, reason: order, source: simulated, "
            f"entered_by: dana, entered_at: {iso(self.clock.at)}}}\n"
        )
        path = self.folder / "orders.yml"
        text = f"days:\n{self.calendar_orders}"
        path.write_text(text, encoding="utf8")
        self.calendars.append(text)
        self.settings = self.settings.model_copy(update={"calendar_overrides": path})
        raise Crash

    def _trace(self) -> str:
        digest = hashlib.sha256()
        rows = self.container.database.rows("SELECT topic, state FROM decisions ORDER BY position")
        for row in rows:
            digest.update(f"{row['topic']}\n".encode() + bytes(row["state"]) + b"\n")
        return digest.hexdigest()

    def _counts(self) -> dict[str, int]:
        found = figures.totals(self.container.database)
        return {
            "steps": self.steps,
            "crashes": self.crashes,
            "decisions": self.container.decisions.head(),
            "events": self.container.ledger.head(),
            "incidents": found.incidents,
            "clocks": found.clocks,
            "breached": found.breached,
            "satisfied": found.satisfied,
            "recounted": figures.facts_of(self.container.database, "clock.recounted.v1"),
            "notices": found.notices,
            "orders": found.orders,
            "violations": self.violations,
            "refusals": self.staff.refused,
        }


_IDS = frozenset(
    {"mfo.client.id", "user.id", "session.id", "host.name", "device.id", "mfo.workstation.id", "mfo.scan.id"}
)


def _templates() -> list[dict[str, Any]]:
    """One event that sets a rule off, for every rule that one event can: from the rules' own tests."""
    found = []
    for rule in builtin_rules({}):
        if rule.meta is None or not rule.raises_findings or rule.meta.tests is None or rule.correlation is not None:
            continue
        for test in rule.meta.tests.positive:
            if len(test.events) == 1 and not test.lists:
                found.append(dict(test.events[0]))
                break
    return found


def simulate(seed: int, days: int = DAYS, prepare: Callable[[Container, list[Stage]], None] | None = None) -> Result:
    """Live one year in a directory of its own, in memory where the machine has such a place. Raises Violated."""
    memory = Path("/dev/shm")  # noqa: S108 - a directory of our own is made in it
    root = tempfile.mkdtemp(prefix="qorgau-year-", dir=memory if memory.is_dir() else None)
    try:
        return Year(seed, Path(root) / "data", days, prepare).run()
    finally:
        shutil.rmtree(root, ignore_errors=True)
