"""The whole product on PostgreSQL: the same story, a lost answer, a restarted server."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from infra.read import queries
from infra.store.models.rules import ListRow, RuleRow
from infra.store.sql.database import StoreUnavailable
from infra.store.sql.postgres import PostgresDatabase
from tests.contract.test_ledger import event
from tests.stores import Stores, cluster, postgres_url
from tests.support import ANALYST, COMPLIANCE, FRAUD, MONDAY, World

pytestmark = pytest.mark.services


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path / "data", database=postgres_url()).people()
    yield made
    made.container.close()


def test_an_event_becomes_an_incident_with_clocks_and_an_approved_notice(world: World) -> None:
    world.feed(world.event("portal.profile.change_applied", mfo__client__id="c-1", mfo__change__field="iin"))
    (incident,) = world.incidents()
    world.container.acts.assign(incident["id"], "aigul", by=ANALYST)
    world.container.acts.approve_notice(world.notices(incident["id"])["regulator"]["id"], None, by=COMPLIANCE)
    world.work()
    assert world.notices(incident["id"])["regulator"]["state"] == "sent"
    world.clock.forward(days=9)
    world.sweep()
    assert any(clock["breached_at"] for clock in world.clocks(incident["id"]).values())
    assert [hit.position for hit in queries.search(world.container, "c-1 portal")] == [1]
    assert queries.search(world.container, "nothing n'at*") == []
    before = world.clocks(incident["id"])
    world.container.decisions.rebuild_views()
    assert world.clocks(incident["id"]) == before
    again = world.restart()
    again.work()
    assert again.clocks(incident["id"]) == before
    assert again.whole()["ledger"] >= 1
    world.container = again.container


def test_a_dead_letter_and_a_duplicate(world: World) -> None:
    line = world.event("backup.job")
    receipt = world.feed(line, b"no json", line)
    assert (receipt.taken.accepted, receipt.taken.duplicate, receipt.taken.rejected) == (1, 1, 1)
    (letter,) = queries.dead_letters(world.container)
    assert letter.head == "• •"


def test_a_follower_of_another_process_is_woken(tmp_path: Path) -> None:
    stores = Stores("postgres", tmp_path)
    follower, ledger = stores.database(), stores.ledger()
    assert follower.wait(5), "the first time it only begins to listen; the caller looks for itself"
    writing = threading.Thread(target=lambda: ledger.append([event("a")], [], MONDAY))
    writing.start()
    assert follower.wait(30)
    writing.join()
    assert not follower.wait(0.01)
    stores.close()


class Proxy:
    """Passes bytes between client and server; can drop a connection right after it passed a COMMIT on."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.drop_next_commit = False
        self.dropped = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.own_port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", self.port))
            answers = threading.Event()
            answers.set()
            threading.Thread(target=self._pass, args=(client, server, answers, True), daemon=True).start()
            threading.Thread(target=self._pass, args=(server, client, answers, False), daemon=True).start()

    def _pass(self, source: socket.socket, target: socket.socket, answers: threading.Event, to_server: bool) -> None:
        try:
            while data := source.recv(65536):
                if to_server and self.drop_next_commit and b"COMMIT" in data:
                    self.drop_next_commit, self.dropped = False, self.dropped + 1
                    answers.clear()
                if to_server or answers.is_set():
                    target.sendall(data)
                else:
                    break  # the server has answered, and the client will never hear it
        except OSError:
            pass
        for one in (source, target):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def close(self) -> None:
        self._listener.close()


def test_a_commit_whose_answer_was_lost_counts_as_done(tmp_path: Path) -> None:
    stores = Stores("postgres", tmp_path)
    proxy = Proxy(cluster().port)
    plain = stores.ledger()
    through = PostgresDatabase(stores.url.replace(str(cluster().port), str(proxy.own_port)))
    plain.database = through
    for number in range(20):
        proxy.drop_next_commit = True
        assert plain.append([event(f"e{number}")], [], MONDAY).accepted == 1, "done, and reported as done"
    assert proxy.dropped == 20
    assert [e.event_id for e in stores.ledger().read(0, 100)] == [f"e{n}" for n in range(20)]
    through.close()
    proxy.close()
    stores.close()


def test_a_server_that_restarts_under_load_loses_and_repeats_nothing(tmp_path: Path) -> None:
    """``kill -9`` of the server and its children while three producers write and try again."""
    stores = Stores("postgres", tmp_path)
    acknowledged: list[str] = []
    stop = threading.Event()

    def produce(name: int) -> None:
        ledger, number = stores.ledger(), 0
        while not stop.is_set():
            batch = [event(f"{name}-{number}-{i}") for i in range(5)]
            try:
                taken = ledger.append(batch, [], MONDAY)
            except StoreUnavailable:
                continue
            assert taken.accepted + taken.duplicate == 5
            acknowledged.extend(one.event_id for one in batch)
            number += 1

    threads = [threading.Thread(target=produce, args=(n,)) for n in range(3)]
    for thread in threads:
        thread.start()
    for _ in range(5):
        before = len(acknowledged)
        while len(acknowledged) < before + 60:
            stop.wait(0.01)
        cluster().kill()
        cluster().recover()
    stop.set()
    for thread in threads:
        thread.join()
    stored = [e.event_id for e in stores.ledger().read(0, 1_000_000)]
    assert len(stored) == len(set(stored))
    assert set(acknowledged) <= set(stored)
    stores.close()


def test_the_engine_works_under_the_role_that_the_documentation_gives_it(tmp_path: Path) -> None:
    """The statements are read from docs/ledger.md; a role with them works, and cannot change what was written."""
    import psycopg

    owner = postgres_url()
    World(tmp_path / "data", database=owner).people().container.close()
    text = (Path(__file__).parents[2] / "docs" / "ledger.md").read_text(encoding="utf8")
    grants = [line.strip() for line in text.splitlines() if line.startswith(("    GRANT", "    REVOKE"))]
    assert len(grants) == 2
    role = "engine_only"  # the cluster of the tests belongs to 'qorgau'
    with psycopg.connect(owner, autocommit=True) as connection:
        connection.execute(f"DROP ROLE IF EXISTS {role}")  # type: ignore[arg-type]
        connection.execute(f"CREATE ROLE {role} LOGIN")  # type: ignore[arg-type]
        for statement in grants:
            connection.execute(statement.replace(" qorgau;", f" {role};"))  # type: ignore[arg-type]
    restricted = owner.replace("://qorgau@", f"://{role}@")
    assert restricted != owner
    world = World(tmp_path / "data", database=restricted)
    world.feed(world.event("portal.profile.change_applied", mfo__client__id="c-1", mfo__change__field="iin"))
    (incident,) = world.incidents()
    world.container.acts.assign(incident["id"], "aigul", by=ANALYST)
    world.container.acts.approve_notice(world.notices(incident["id"])["regulator"]["id"], None, by=COMPLIANCE)
    world.work()
    assert world.notices(incident["id"])["regulator"]["state"] == "sent"
    world.whole()
    world.container.close()
    with psycopg.connect(restricted, autocommit=True) as connection:
        for table in ("ledger", "decisions", "checkpoints"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(f"DELETE FROM {table}")  # type: ignore[arg-type]
    with psycopg.connect(owner, autocommit=True) as connection:
        connection.execute(f"DROP OWNED BY {role}")  # type: ignore[arg-type]
        connection.execute(f"DROP ROLE {role}")  # type: ignore[arg-type]


def test_rules_and_lists_live_on_postgresql_too(world: World) -> None:
    acts = world.container.rule_acts
    _, version = acts.tune("credential-stuffing", {"clients": 4}, "seen", by=FRAUD)
    acts.test("credential-stuffing", version, by=FRAUD)
    acts.propose("credential-stuffing", version, "x", by=FRAUD)
    acts.approve("credential-stuffing", version, "x", by=COMPLIANCE)
    acts.activate("credential-stuffing", version, "active", "x", by=FRAUD)
    world.feed(*(world.event("portal.login.failed", source__ip="1.2.3.4", mfo__client__id=f"c{i}") for i in range(4)))
    assert [row["rule_name"] for row in world.incidents()] == ["credential-stuffing"]
    assert acts.change_list("deny_accounts", ["sha256:m"], [], "police", by=FRAUD)
    pay = {"mfo__loan__id": "L1", "mfo__payout__account_hash": "sha256:m"}
    world.feed(world.event("loan.disbursement.requested", **pay))
    assert "listed-payout" in {row["rule_name"] for row in world.incidents()}
    before = world.held(RuleRow), world.held(ListRow)
    world.container.decisions.rebuild_views()
    assert (world.held(RuleRow), world.held(ListRow)) == before
