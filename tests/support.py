"""What the tests share: a clock they move, a house over a temporary directory, events in short form, people."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson

from engine.kernel.facts import Person
from infra.app.container import Container, open_container, stages_of
from infra.app.worker import drain
from infra.inbound.intake import Receipt
from infra.inbound.parser_pool import Batch
from infra.processes.base import Stage
from infra.read.rows import checking, clocks, effects, incidents, notices, protections
from infra.settings.settings import Settings
from infra.store.log.ledger import DEAD_LETTER
from infra.store.log.verify import LOGS, Fault, verify
from infra.store.models.record import R, stored
from tests.facade import Acts, RuleActs
from tests.full_setup import completed

Container.acts = property(lambda self: Acts(self.dispatcher))  # type: ignore[attr-defined]
Container.rule_acts = property(lambda self: RuleActs(self.dispatcher))  # type: ignore[attr-defined]

DATA = Path(__file__).parent / "data"
MONDAY = datetime(2026, 11, 23, 5, 0, tzinfo=UTC)
"""10:00 in Almaty on a business day."""

ANALYST = Person(id="aigul", roles=frozenset({"soc_analyst"}), name="Aigul")
FRAUD = Person(id="erlan", roles=frozenset({"fraud_analyst"}), name="Erlan")
COMPLIANCE = Person(id="bolat", roles=frozenset({"compliance_officer"}), name="Bolat")
COMPLIANCE_2 = Person(id="dana", roles=frozenset({"compliance_officer"}), name="Dana")
CISO = Person(id="gulnar", roles=frozenset({"ciso"}), name="Gulnar")
AUDITOR = Person(id="marat", roles=frozenset({"auditor"}), name="Marat")
PEOPLE = (ANALYST, FRAUD, COMPLIANCE, COMPLIANCE_2, CISO, AUDITOR)
PASSWORD = "correct horse battery"


class MovingClock:
    """Time that only the test moves."""

    def __init__(self, at: datetime = MONDAY) -> None:
        self.at = at

    def now(self) -> datetime:
        return self.at

    def forward(self, **delta: float) -> None:
        self.at += timedelta(**delta)


class World:
    """A house with its stages, fed and moved by hand."""

    def __init__(
        self, folder: Path, clock: MovingClock | None = None, *, demonstration: bool = True, **settings: Any
    ) -> None:
        """``demonstration``: the spool counts as sent, as under ``serve --demo``; else it is a house of its own."""
        self.folder = folder
        self.clock = clock or MovingClock()
        settings = completed(folder, {"organisation_bin": "000000000000", **settings})
        self.settings = Settings(data=folder, **settings)
        if demonstration:
            self.settings = self.settings.for_demonstration()
        self.container: Container = open_container(self.settings, self.clock)
        self.stages: list[Stage] = stages_of(self.container)
        self.count = 0

    def people(self) -> World:
        for person in PEOPLE:
            self.container.accounts.add(person.id, person.name, tuple(person.roles), PASSWORD, actor="test")
        return self

    def event(self, action: str, *, at: datetime | None = None, **fields: Any) -> bytes:
        """One event as bytes; names use __ for the dot, and ids count up."""
        self.count += 1
        document = {
            "@timestamp": (at or self.clock.now()).isoformat(),
            "event.id": f"t-{self.count}",
            "event.action": action,
            **{name.replace("__", "."): value for name, value in fields.items()},
        }
        return orjson.dumps(document)

    def feed(self, *lines: bytes, source: str = "portal") -> Receipt:
        receipt = self.container.intake.take(Batch(source, None, self.clock.now(), b"\n".join(lines)))
        self.work()
        return receipt

    def work(self) -> None:
        drain(self.stages)
        self.container.search.refresh()

    def sweep(self) -> int:
        fired = self.container.sweep.run()
        self.work()
        return fired

    def restart(self) -> World:
        """A new process over the same directory."""
        self.container.close()
        again = World(
            self.folder,
            self.clock,
            demonstration=self.settings.demonstration,
            **self.settings.model_dump(exclude={"data"}, exclude_unset=True),
        )
        again.count = self.count
        return again

    def rows(self, sql: str, *parameters: Any) -> list[dict[str, Any]]:
        return self.container.database.rows(sql, *parameters)

    def held(self, model: type[R], /, **by: object) -> list[R]:
        """The records of a read model, in the order of their keys; those whose fields have these values."""
        found = checking.content(self.container.database, model)
        return [row for row in found if all(getattr(row, name) == value for name, value in by.items())]

    def letters(self) -> list[bytes]:
        """The bytes of the dead letters, the oldest first."""
        return [self.dead(letter.raw) for letter in reversed(effects.dead_letters(self.container.database))]

    def dead(self, raw: bytes) -> bytes:
        """The bytes of a dead letter."""
        plain = self.container.store.vault.unlock(DEAD_LETTER, bytes(raw))
        assert plain is not None
        return plain

    def whole(self) -> dict[str, int]:
        """Walk both logs; any fault fails the test. Gives how many each holds."""
        found = {}
        for log in LOGS:
            steps = list(verify(self.container.database, log, self.container.store.signer.verifier))
            faults = [step for step in steps if isinstance(step, Fault)]
            assert faults == []
            found[log] = steps[-1].position
        return found

    def incidents(self) -> list[dict[str, Any]]:
        rows = [incidents.incident(self.container.database, key) for key in incidents.all_ids(self.container.database)]
        return [stored(row) for row in rows if row is not None]

    def incident_is_open(self, key: object) -> bool:
        """Whether work may still be done on an incident."""
        return any(row["is_open"] for row in self.incidents() if row["id"] == key)

    def clocks(self, owner: str) -> dict[str, dict[str, Any]]:
        return {row.kind: stored(row) for row in clocks.of_owner_by_id(self.container.database, owner)}

    def notices(self, incident: str) -> dict[str, dict[str, Any]]:
        """The notices of an incident by kind: of those to clients the one addressed last, before that their text."""
        rows = sorted(notices.of_incident(self.container.database, incident), key=lambda row: bool(row.text_of))
        return {row.kind: stored(row) for row in rows}

    def held_notices(self, incident: str) -> list[notices.NoticeRow]:
        """Every notice of an incident."""
        return notices.of_incident(self.container.database, incident)

    def held_clocks(self, owner: str) -> list[clocks.ClockRow]:
        """Every clock of an owner."""
        return clocks.of_owner_by_id(self.container.database, owner)

    def told(self, incident: str) -> set[str]:
        """Approve the text for the clients of an incident; return those who got a notice of their own with it."""
        self.container.acts.approve_client_notices(incident, by=COMPLIANCE)
        self.work()
        found = notices.of_incident(self.container.database, incident)
        return {row.subject for row in found if row.kind == "client" and row.text_of and row.state == "sent"}

    def finish_steps(self, incident: str, people: Sequence[Person] = PEOPLE) -> list[str]:
        """Carry out every task of the playbooks of an incident; return the titles in order."""
        from playbooks.run import Run

        titles = []
        while True:
            runs = [
                self.container.decisions.load(Run, row.id)
                for row in protections.runs_of(self.container.database, incident)
                if row.waiting
            ]
            if not runs:
                return titles
            step, task = next(iter(runs[0].waiting.items()))
            by = next(person for person in people if person.may(*task.roles))
            self.container.acts.complete_task(runs[0].id, step, "success", f"done: {task.title}", by=by)
            titles.append(task.title)
            self.work()


def vouch(world: World, protection_id: str, order_id: str, reference: str) -> None:
    """Two persons, with a document, say that an order was carried out."""
    acts = world.container.acts
    document = b"%PDF-1.7 the answer of the other system"
    acts.acknowledge_order(
        protection_id, order_id, reference, by=COMPLIANCE, reason="read their letter", document=document
    )
    acts.acknowledge_order(protection_id, order_id, reference, by=CISO, reason="asked them too")
