"""The machine under the product: full disks, lost keys, copies nobody may write, file modes, children, old accounts."""

from __future__ import annotations

import hashlib
import os
import shutil
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from starlette.testclient import TestClient

from engine.kernel.errors import DataError
from infra.cli import cli
from infra.commands import demonstration
from infra.observe.disk import DiskWatch
from infra.settings.settings import load_settings
from infra.store.sql import sqlite
from infra.store.sql.database import StoreUnavailable
from infra.web.app import create_app
from reports.children.limits import clean_environment
from tests.integration.test_api import sign_in
from tests.support import AUDITOR, World

ASKING = (
    ["ledger", "verify"], ["ledger", "stats"], ["ledger", "export"], ["ledger", "checkpoint"], ["incidents", "list"],
    ["notices", "list"], ["clock", "list"], ["clock", "week"], ["users", "list"], ["sources", "list"], ["dead-letters"],
    ["rules", "life"], ["keys", "show"], ["retention", "list"], ["protections", "list"],
)  # fmt: skip


def run(*words: str) -> tuple[int, str]:
    """A command as the shell sees it: exit status, and both outputs."""
    done = subprocess.run([sys.executable, "-m", "infra", *words], capture_output=True, text=True, timeout=120)
    return done.returncode, done.stdout + done.stderr


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A data directory with a history, closed; the settings name it."""
    world = World(tmp_path / "data").people()
    world.feed(world.event("portal.profile.change_applied", mfo__client__id="c-1", mfo__change__field="iin"), b"{bad")
    world.container.close()
    monkeypatch.setenv("QORGAU_DATA", str(world.folder))
    monkeypatch.setenv("QORGAU_ORGANISATION_BIN", "000000000000")
    yield world.folder


def content(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_a_copy_that_nobody_may_write_can_be_asked_and_stays_as_it_is(
    house: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "may_write", lambda path: False)
    before = content(house)
    for words in ASKING:
        done = CliRunner().invoke(cli, words)
        assert done.exit_code == 0, (words, done.output, done.exception)
    assert content(house) == before
    assert "1 whole, signed" in CliRunner().invoke(cli, ["ledger", "verify"]).output


def test_what_is_open_for_reading_is_not_written(house: Path) -> None:
    store = sqlite.SqliteDatabase(house / "qorgau.sqlite", read_only=True)
    with pytest.raises(StoreUnavailable, match="reading only"), store.write():
        pass
    store.close()


def test_a_command_that_reads_sees_what_serve_writes(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QORGAU_DATA", str(world.folder))
    monkeypatch.setenv("QORGAU_ORGANISATION_BIN", "000000000000")
    world.feed(world.event("backup.job"))
    assert "events           1" in CliRunner().invoke(cli, ["ledger", "stats"]).output
    world.feed(world.event("backup.job"))
    assert "events           2" in CliRunner().invoke(cli, ["ledger", "stats"]).output


@pytest.mark.parametrize("lost", ["checkpoint.key", "master.key", "keyring.sqlite", "*"])
def test_no_key_is_made_beside_a_history(house: Path, tmp_path: Path, lost: str) -> None:
    keys, away = house / "keys", tmp_path / "away"
    shutil.copytree(keys, away)
    for path in keys.glob(lost):
        path.unlink()
    if lost == "*":
        keys.rmdir()
    before = content(house)
    status, said = run("ledger", "stats")
    assert (status, said.count("\n")) == (2, 1), said
    assert "no new ones are made" in said
    assert content(house).keys() >= before.keys()
    assert not [path for path in keys.glob(lost) if path.suffix == ".key"]
    shutil.rmtree(keys, ignore_errors=True)
    keys.mkdir()
    (keys / "lost+found").mkdir()
    assert run("keys", "restore", str(away))[0] == 0
    assert run("ledger", "verify")[0] == 0
    assert run("keys", "restore", str(away))[0] == 2, "never over keys that are there"


def test_keys_that_do_not_belong_are_refused_in_a_line(house: Path, tmp_path: Path) -> None:
    other = World(tmp_path / "other")
    other.feed(other.event("backup.job"))
    other.container.close()
    for name in ("master.key", "checkpoint.key"):
        shutil.copy2(house / "keys" / name, tmp_path / name)
        shutil.copy2(other.folder / "keys" / name, house / "keys" / name)
        status, said = run("ledger", "stats")
        assert (status, said.count("\n")) == (2, 1), said
        shutil.copy2(tmp_path / name, house / "keys" / name)
    assert run("ledger", "stats")[0] == 0


def test_nobody_else_on_the_machine_reads_the_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QORGAU_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("QORGAU_ORGANISATION_BIN", "000000000000")
    (tmp_path / "events").write_bytes(b"{bad}\n")
    before = os.umask(0o022)
    try:
        for words in (
            ["ingest", str(tmp_path / "events")],
            ["catch-up"],
            ["ledger", "backup", str(tmp_path / "copy.sqlite")],
            ["keys", "backup", str(tmp_path / "keys")],
            ["report", "sla", "--format", "html", "--out", str(tmp_path / "report.html")],
        ):
            run(*words)
        monkeypatch.setenv("QORGAU_DATA", str(tmp_path / "again"))
        run("keys", "restore", str(tmp_path / "keys"))
        run("ledger", "restore", str(tmp_path / "copy.sqlite"))
    finally:
        os.umask(before)
    made = [path for path in tmp_path.rglob("*") if path != tmp_path / "events"]
    assert {"copy.sqlite", "qorgau.sqlite", "master.key"} <= {path.name for path in made}
    assert [path for path in made if stat.S_IMODE(path.stat().st_mode) & 0o077] == []


def full(*_: object) -> None:
    """What SQLite says when a page finds no room."""
    error = sqlite3.OperationalError("database or disk is full")
    error.sqlite_errorcode = sqlite3.SQLITE_FULL
    raise error


def test_a_full_disk_is_in_health_though_nothing_can_be_noted(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    client = TestClient(create_app(world.container))
    sign_in(client, AUDITOR.id)
    assert client.get("/health").status_code == 200
    with monkeypatch.context() as broken:
        broken.setattr(world.container.database._turnstile, "enter", full)
        with pytest.raises(StoreUnavailable), world.container.database.write():
            pass
    failing = client.get("/health")
    assert (failing.status_code, failing.json()["status"]) == (503, "failing")
    assert "disk is full" in failing.json()["faults"][0]["error"]
    assert 'role="alert"' in client.get("/system").text
    with world.container.database.write():
        pass  # there is room again
    assert client.get("/health").status_code == 200


def test_a_trial_finds_a_disk_that_takes_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(self: DiskWatch) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(DiskWatch, "_try", refused)
    answer = TestClient(create_app(world.container)).get("/health")
    assert (answer.status_code, answer.json()) == (503, {"status": "failing"})


def test_a_store_that_cannot_be_read_is_a_fault_and_no_error(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(*_: object) -> None:
        raise sqlite3.OperationalError("disk I/O error")

    monkeypatch.setattr(world.container.database, "rows", gone)
    answer = TestClient(create_app(world.container), raise_server_exceptions=False).get("/health")
    assert (answer.status_code, answer.json()) == (503, {"status": "failing"})


def test_people_are_warned_before_the_disk_is_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(tmp_path, disk_free_percent=20).people()
    free = [19]
    usage = type("Usage", (), {"total": 100, "free": property(lambda self: free[0])})
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: usage())
    client = TestClient(create_app(world.container))
    sign_in(client, AUDITOR.id)
    answer = client.get("/health").json()
    assert (answer["status"], answer["disk_free_percent"]) == ("degraded", 19)
    assert "19 %" in client.get("/system").text
    world.container.close()


def test_the_disk_is_looked_at_now_and_then(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    watch = DiskWatch(tmp_path, 0, lambda: now[0])
    trials: list[float] = []
    monkeypatch.setattr(DiskWatch, "_try", lambda self: trials.append(now[0]))
    for now[0] in (100.0, 101.0, 109.9, 110.0):
        assert watch.look().fault == ""
    assert trials == [100.0, 110.0]
    assert list(tmp_path.iterdir()) == []


def test_accounts_of_the_demonstration_stop_a_house_that_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QORGAU_DATA", str(tmp_path))
    monkeypatch.setenv("QORGAU_ORGANISATION_BIN", "000000000000")
    world = World(tmp_path)
    for user, (name, roles) in demonstration.PEOPLE.items():
        world.container.accounts.add(user, name, roles, demonstration.PASSWORD, actor="demo")
    world.container.accounts.add("dana", "Dana", ("compliance_officer",), "a word of her own", actor="command line")
    token = world.container.accounts.sign_in("aigul", demonstration.PASSWORD)
    world.container.close()
    status, said = run("serve", "--port", "0")
    assert (status, said.count("\n")) == (2, 1), said
    assert "remove-demo" in said
    assert "aigul" in said
    assert "dana" not in said, "whoever took a word of her own is no account of the demonstration"
    assert "aigul" in CliRunner().invoke(cli, ["users", "remove-demo"]).output
    assert "no account" in CliRunner().invoke(cli, ["users", "remove-demo"]).output
    world = World(tmp_path)
    assert demonstration.left(world.container.accounts) == []
    assert world.container.accounts.session(token) is None
    assert world.container.accounts.sign_in("aigul", demonstration.PASSWORD) is None
    assert [person.id for person in world.container.accounts.people()] == ["dana"]
    world.container.close()


@pytest.mark.parametrize(
    "name", ["ACCESS_URL", "LOANS_URL", "COLLECTIONS_URL", "BUREAU_URL", "AFC_URL", "TIMESTAMP_URL"]
)
@pytest.mark.parametrize("text", ["notaurl", "ftp://loans.example", "http://", "http://a b/c", "http://a:b/"])
def test_an_address_that_is_none_is_refused_at_the_start(monkeypatch: pytest.MonkeyPatch, name: str, text: str) -> None:
    monkeypatch.setenv(f"QORGAU_{name}", text)
    with pytest.raises(DataError, match=f"QORGAU_{name}|address"):
        load_settings()


def test_a_rule_with_bad_parameters_is_named_and_fails_the_list(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QORGAU_RULE_PARAMETERS", '{"credential-stuffing": {"clients": "many"}}')
    listed = CliRunner().invoke(cli, ["rules", "list"])
    assert listed.exit_code == 1
    assert "Credential stuffing" in listed.output


def test_children_know_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QORGAU_MASTER_KEY", "secret")
    monkeypatch.setenv("PGPASSWORD", "secret")
    assert "PATH" in clean_environment()
    assert not [name for name, text in clean_environment().items() if text == "secret"]


def test_every_child_of_ours_gets_a_clean_environment() -> None:
    root = Path(__file__).parents[2]
    for name in ("reports/drafter.py", "reports/render.py", "infra/inbound/parser_pool.py"):
        text = (root / name).read_text(encoding="utf8")
        assert text.count("subprocess.Popen(") + text.count("subprocess.run(") == text.count("env=clean_environment()")


@pytest.mark.skipif(sys.platform != "linux", reason="prctl is Linux'")
def test_children_limit_themselves() -> None:
    asked = (
        "import resource; from reports.draft_worker import limit; limit(); "
        "print(resource.getrlimit(resource.RLIMIT_CPU)[0], resource.getrlimit(resource.RLIMIT_NPROC)[0], "
        "[line.split()[1] for line in open('/proc/self/status') if line.startswith('NoNewPrivs')][0])"
    )
    done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, env=clean_environment())
    assert done.stdout.split() == ["3600", "0", "1"], done.stderr
