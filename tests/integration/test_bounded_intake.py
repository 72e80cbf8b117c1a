"""Bad lines, large bodies, and bodies that were left behind: bounded work, and nothing lost."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path

import pytest
from click.testing import CliRunner
from starlette.testclient import TestClient

from engine.events.set_aside import TOGETHER, UNTRIED, lines_of
from infra.cli import cli
from infra.inbound import intake as intakes
from infra.inbound.kafka.arrivals import Arrival, Arrivals
from infra.inbound.parser_pool import Batch, ReaderLost
from infra.inbound.rereading import read_again
from infra.inbound.syslog.landing import Landing, Received
from infra.read.queries import dead_letters
from infra.read.rows import effects
from infra.web.app import create_app
from tests.integration.test_api import post, sign_in
from tests.support import AUDITOR, MONDAY, World

MANY = 100_000


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path / "data").people()
    yield made
    made.container.close()


@pytest.fixture
def served(world: World) -> Iterator[tuple[TestClient, str]]:
    token = world.container.accounts.new_source("portal")
    world.container.intake.start()
    with TestClient(create_app(world.container), raise_server_exceptions=False) as client:
        yield client, token
    world.container.intake.stop()


def packed(world: World) -> list[tuple[int, bytes]]:
    """The lines of the one dead letter that holds many."""
    (letter,) = [it for it in whole(world) if it.row.code == TOGETHER]
    return list(lines_of(letter.row.code, world.dead(letter.raw)))


def whole(world: World) -> list[effects.Letter]:
    found = [
        effects.dead_letter(world.container.database, it.row.id)
        for it in effects.dead_letters(world.container.database)
    ]
    return [it for it in found if it is not None]


def test_a_hundred_thousand_bad_lines_cost_a_hundred_and_one_letters(
    world: World, served: tuple[TestClient, str]
) -> None:
    client, token = served
    body = gzip.compress(b"x\n" * MANY, 9)
    assert len(body) < 300
    answer = post(client, token, body, **{"Content-Encoding": "gzip"})
    assert answer.json()["rejected"] == MANY
    assert len(answer.json()["rejects"]) == 101
    assert answer.json()["rejects"][-1]["code"] == TOGETHER
    # The same bytes of the same source are kept once, so there are two: the line, and the rest.
    assert effects.dead(world.container.database) == 2
    assert effects.set_aside(world.container.database) == MANY
    assert packed(world) == [(line, b"x") for line in range(101, MANY + 1)]


def test_good_lines_among_bad_ones_are_taken(world: World, served: tuple[TestClient, str]) -> None:
    client, token = served
    lines = [world.event("backup.job") if at % 3 == 0 else b"bad %d" % at for at in range(900)]
    answer = post(client, token, b"\n".join(lines)).json()
    assert (answer["accepted"], answer["rejected"]) == (300, 600)
    assert effects.dead(world.container.database) == 101
    kept = [raw for it in whole(world) for _, raw in lines_of(it.row.code, world.dead(it.raw))]
    assert sorted(kept) == sorted(line for line in lines if line.startswith(b"bad"))


def test_too_many_lines_are_refused_before_they_are_split(world: World, served: tuple[TestClient, str]) -> None:
    client, token = served
    for body in (b"x\n" * 200_001, b"[" + b"1," * 200_001 + b"1]"):
        answer = post(client, token, body)
        assert (answer.status_code, answer.json()["error"]["code"]) == (413, "body.too-many-lines")
    assert effects.dead(world.container.database) == 0


def test_a_large_body_is_stored_in_several_transactions_and_once(
    world: World, served: tuple[TestClient, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intakes, "PIECE", 50)
    client, token = served
    body = b"\n".join(world.event("backup.job") for _ in range(220)) + b"\nbad"
    answer = post(client, token, body).json()
    assert (answer["accepted"], answer["rejected"]) == (220, 1)
    assert world.rows("SELECT COUNT(*) AS n FROM ledger") == [{"n": 5}]
    assert world.rows("SELECT * FROM intake") == []
    again = post(client, token, body).json()
    assert (again["accepted"], again["duplicate"], again["rejected"]) == (0, 220, 1)
    assert world.whole()["ledger"] == 220


def test_a_large_body_that_names_a_foreign_source_is_refused_whole(
    world: World, served: tuple[TestClient, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intakes, "PIECE", 50)
    client, token = served
    foreign = world.event("backup.job", event__provider="bureau")
    body = b"\n".join([*(world.event("backup.job") for _ in range(220)), foreign])
    answer = post(client, token, body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "source-mismatch")
    assert world.container.ledger.head() == 0
    assert effects.set_aside(world.container.database) == 221


def test_readers_read_pieces_as_this_process_does(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intakes, "PIECE", 50)
    world.container.start_readers(1)
    world.container.intake.start()
    lines = [world.event("backup.job") if at % 2 else b"bad" for at in range(300)]
    receipt = world.container.intake.accept(Batch("portal", frozenset(), MONDAY, b"\n".join(lines))).result(60)
    assert (receipt.taken.accepted, receipt.taken.rejected) == (150, 150)
    assert [it.line for it in receipt.rejects[:3]] == [1, 3, 5]
    world.container.intake.stop()


def test_another_source_goes_between_the_pieces_of_a_large_body(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intakes, "PIECE", 50)
    intake = world.container.intake
    large: Future[intakes.Receipt] = intake.accept(Batch("flood", frozenset(), MONDAY, b"x\n" * 5_000))
    order: list[str] = []
    large.add_done_callback(lambda _: order.append("flood"))
    read, once = intake.reader.read, threading.Event()

    def slowly(batch: Batch):  # type: ignore[no-untyped-def]
        if batch.source == "flood" and not once.is_set():
            once.set()  # the first piece is being read; only now the other source sends
            small = intake.accept(Batch("portal", frozenset(), MONDAY, world.event("backup.job")))
            small.add_done_callback(lambda _: order.append("portal"))
        return read(batch)

    monkeypatch.setattr(intake.reader, "read", slowly)
    intake.start()
    large.result(60)
    intake.stop()
    assert order == ["portal", "flood"]


def test_a_source_beyond_its_quota_waits(tmp_path: Path) -> None:
    world = World(tmp_path, source_bad_lines_per_minute=10)
    portal, registry = (world.container.accounts.new_source(name) for name in ("portal", "registry"))
    world.container.intake.start()
    with TestClient(create_app(world.container)) as client:
        assert post(client, portal, b"x\n" * 30).json()["rejected"] == 30
        refused = post(client, portal, world.event("backup.job"))
        assert (refused.status_code, refused.json()["error"]["code"]) == (429, "quota.used")
        assert 100 <= int(refused.headers["Retry-After"]) <= 120
        assert post(client, registry, world.event("backup.job")).json()["accepted"] == 1
    world.container.intake.stop()
    world.container.close()


def test_a_body_left_in_the_middle_is_taken_up_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intakes, "PIECE", 50)
    intake = world.container.intake
    body = b"\n".join([*(world.event("backup.job") for _ in range(220)), *(b"bad %d" % n for n in range(10))])
    batch = Batch("portal", frozenset(), MONDAY, body)
    (row,) = intake._keep_raw([batch])
    steps = intake._steps(batch, intake.reader.read, row)
    while world.container.ledger.head() == 0:
        next(steps)
    steps.close()  # the process dies here
    again = world.restart()
    assert again.container.intake.recover() == 1
    assert again.whole()["ledger"] == 220
    assert effects.set_aside(again.container.database) == 10
    assert again.rows("SELECT * FROM intake") == []
    assert again.rows("SELECT * FROM meta WHERE key LIKE 'intake.%'") == []
    again.container.close()


def test_what_was_left_behind_is_taken_up_beside_what_comes(world: World) -> None:
    intake = world.container.intake
    intake._keep_raw([Batch("portal", frozenset(), MONDAY, world.event("backup.job"))])
    taken = threading.Event()
    held = intake.recovery.step
    came = Batch("portal", frozenset(), MONDAY, world.event("backup.job"))

    def not_yet() -> bool:
        taken.wait(60)
        return held()

    intake.recovery.step = not_yet  # type: ignore[method-assign]
    future = intake.accept(came)
    intake.start()
    assert future.result(60).taken.accepted == 1, "before anything that was left behind is looked at"
    assert world.container.ledger.head() == 1
    both = threading.Event()
    intake.on_commit = lambda: both.set() if world.container.ledger.head() == 2 else None
    taken.set()
    assert both.wait(60)
    intake.stop()


def test_a_body_that_ends_the_process_cannot_do_so_twice(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    intake = world.container.intake
    good = world.event("backup.job")
    intake._keep_raw(
        [Batch("portal", frozenset(), MONDAY, b"poison\npoison"), Batch("portal", frozenset(), MONDAY, good)]
    )

    class Died(BaseException):
        """What nobody can catch."""

    def dies(batch: Batch) -> object:
        raise Died

    monkeypatch.setattr(intake.reader, "read", dies)
    with pytest.raises(Died):
        intake.recover()
    again = world.restart()
    apart: list[bool] = []

    class Broken:
        def submit(self, batch: Batch) -> Future[object]:
            apart.append(True)
            lost: Future[object] = Future()
            lost.set_exception(ReaderLost())
            return lost

        def close(self) -> None: ...

    again.container.intake.recovery.apart = Broken  # type: ignore[assignment]
    assert again.container.intake.recover() == 2
    assert apart == [True], "it was read apart, and only it"
    (letter,) = [it for it in whole(again) if it.row.code == UNTRIED]
    assert letter.row.times == 2
    assert list(lines_of(UNTRIED, again.dead(letter.raw))) == [(1, b"poison\npoison")]
    assert again.container.ledger.head() == 1
    again.container.close()


def test_a_body_that_a_kill_interrupted_is_read_apart_and_taken(world: World) -> None:
    intake = world.container.intake
    (row,) = intake._keep_raw([Batch("portal", frozenset(), MONDAY, world.event("backup.job"))])
    intake.recovery._mark(row)  # a start that was killed over it
    assert intake.recover() == 1
    intake.recovery.close()
    assert world.container.ledger.head() == 1
    assert effects.dead(world.container.database) == 0


def test_letters_are_read_again_when_the_door_has_learned(world: World) -> None:
    intake = world.container.intake
    lines = [world.event("no.such.type") for _ in range(150)] + [b"bad %d" % at for at in range(20)]
    intake.take(Batch("portal", frozenset(), MONDAY, b"\n".join(lines)))
    assert effects.dead(world.container.database) == 101
    intake.reader.keep_unknown_types = True
    ids = effects.letters_of(world.container.database, "portal")
    taken = [read_again(intake, it) for it in ids]
    assert sum(it.accepted for it in taken) == 150
    assert sum(it.rejected for it in taken) == 20
    assert world.container.ledger.head() == 150
    assert [raw for _, raw in packed(world)] == [b"bad %d" % at for at in range(20)]
    assert effects.dead(world.container.database) == 1
    assert effects.set_aside(world.container.database) == 20
    world.whole()


def test_the_letters_are_shown_in_the_console_and_at_the_terminal(
    world: World, served: tuple[TestClient, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    client, token = served
    post(client, token, b"\n".join(b"bad %d" % at for at in range(400)))
    rows = dead_letters(world.container)
    assert (rows[0].code, rows[0].times, rows[0].head) == (TOGETHER, 300, "")
    sign_in(client, AUDITOR.id)
    page = client.get("/system").text
    assert "300 more lines of this body (not-json: 300)" in page
    monkeypatch.setenv("QORGAU_DATA", str(world.folder))
    monkeypatch.setenv("QORGAU_ORGANISATION_BIN", "000000000000")
    listed = CliRunner().invoke(cli, ["dead-letters"])
    assert "300 more lines" in listed.output
    again = CliRunner().invoke(cli, ["dead-letters", "read-again", str(rows[0].id)])
    assert again.output.endswith("300 still cannot be read\n")


def test_a_message_of_bad_lines_is_few_letters_on_the_stream(world: World) -> None:
    container = world.container
    arrivals = Arrivals(container.ledger, container.catalogue, container.clock, "mfo", keep_unknown_types=False)
    body = b"\n".join(b"bad %d" % at for at in range(5_000))
    messages = [
        Arrival("mfo.portal", 0, 0, body),
        Arrival("mfo.portal", 0, 1, b"x\n" * 60_000),
        Arrival("mfo.portal", 0, 2, world.event("backup.job")),
    ]
    read = arrivals.read(messages)
    assert len(read.dead) == 102
    taken = arrivals.store(read)
    assert (taken.accepted, taken.rejected) == (1, 5_000 + 60_001)
    assert {it.arrival.offset for it in read.dead} == {0, 1}


def test_syslog_that_nobody_can_read_is_few_letters(world: World) -> None:
    container = world.container
    landing = Landing(container.ledger, container.catalogue, container.clock, "syslog", keep_unknown_types=False)
    taken = landing.store([Received(b"<13>nonsense %d" % at) for at in range(2_000)])
    assert taken.rejected == 2_000
    assert effects.dead(container.database) == 101


def test_a_packed_file_is_read(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QORGAU_DATA", str(world.folder))
    monkeypatch.setenv("QORGAU_ORGANISATION_BIN", "000000000000")
    file = tmp_path / "events.ndjson.gz"
    file.write_bytes(gzip.compress(world.event("backup.job") + b"\n"))
    said = CliRunner().invoke(cli, ["ingest", str(file)])
    assert said.output.startswith("1 accepted"), said.output
    piped = CliRunner().invoke(cli, ["ingest", "-"], input=file.read_bytes())
    assert piped.output.startswith("0 accepted (0 flagged), 1 known already"), piped.output
    file.write_bytes(file.read_bytes()[:-9])
    assert CliRunner().invoke(cli, ["ingest", str(file)]).exit_code != 0
