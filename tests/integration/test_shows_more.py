"""What the checks see: the end cut off, an older copy, rows and read models changed beside the product (trust.md 4)."""

from __future__ import annotations

import json
import random
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from engine.kernel.errors import DecisionRefused
from infra.commands.people.tokens import digest_of
from infra.inbound.parser_pool import Batch
from infra.observe.stage_health import Faults
from infra.processes.integrity.accepting import accept
from infra.processes.integrity.inspecting import STAGE, inspect
from infra.store.integrity import tables
from infra.store.integrity.comparing import Compared, compare
from infra.store.integrity.facts import GapAccepted, MarksPut, SettingsSeen
from infra.store.integrity.settings_seen import KEY, last_seen, see_settings
from infra.store.models.effects import EffectRow
from tests.commands import qorgau
from tests.stores import KINDS, postgres_url
from tests.support import ANALYST, CISO, COMPLIANCE, COMPLIANCE_2, PASSWORD, World


def lived(folder: Path, kind: str = "sqlite") -> World:
    """A house with accounts, sessions, tokens, an incident with notices that wait, and dead letters."""
    world = World(folder, **({"database": postgres_url()} if kind == "postgres" else {})).people()
    world.feed(world.event("portal.profile.change_applied", mfo__client__id="c-1", mfo__change__field="iin"))
    world.feed(world.event("backup.job"), b"no event", source="backup")
    accounts = world.container.accounts
    accounts.enter("bolat", PASSWORD, address="10.0.0.1")
    accounts.new_source("portal")
    accounts.choose_language("bolat", "kk")
    incident = world.incidents()[0]["id"]
    world.container.acts.assign(incident, "aigul", by=ANALYST)
    world.container.acts.approve_notice(world.notices(incident)["regulator"]["id"], None, by=COMPLIANCE)
    return world


def edit(folder: Path, *statements: str, file: str = "qorgau.sqlite") -> None:
    """What somebody does who has the database and no key."""
    with closing(sqlite3.connect(folder / file)) as connection:
        for statement in statements:
            connection.execute(statement)
        connection.commit()


def findings(world: World) -> list[str]:
    guard = world.container.store.guard
    differs = [str(it) for it in compare(world.container.database) if not isinstance(it, Compared)]
    return [*guard.gaps(), *map(str, guard.altered()), *differs]


@pytest.mark.parametrize("kind", KINDS)
def test_every_table_is_derived_or_marked_or_has_a_reason(kind: str, tmp_path: Path) -> None:
    world = World(tmp_path, **({"database": postgres_url()} if kind == "postgres" else {}))
    database, ring = world.container.database, world.container.store.keyring.database
    sql = (
        "SELECT name FROM sqlite_master WHERE type = 'table'"
        if kind == "sqlite"
        else "SELECT table_name AS name FROM information_schema.tables WHERE table_schema = current_schema()"
    )
    there = {row["name"] for it in (database, ring) for row in it.rows(sql)}
    there = {name for name in there if not name.startswith("sqlite_")}
    of_index = {f"search_{name}_{part}" for name in ("events", "incidents", "notices")
                for part in ("data", "idx", "content", "docsize", "config")}  # fmt: skip
    known = {*tables.SIGNED, *tables.VIEWS, *tables.BY_NAME, *tables.DERIVED, *tables.REASONED}
    assert there - known - of_index == set(), "a new table says by what a change of it is found"
    for table in tables.MARKED:
        asked = database.rows(f"SELECT * FROM {table.name} LIMIT 0")
        assert asked == []
        with database.read() as cursor:
            cursor.execute(f"SELECT {', '.join(table.columns)} FROM {table.name}")
    assert len(tables.SIGNED) + len(tables.VIEWS) + len(tables.BY_NAME) + len(tables.DERIVED) + len(
        tables.REASONED
    ) == len(known), "each stands in one place only"
    world.container.close()


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_found_in_a_store_that_nobody_touched(kind: str, tmp_path: Path) -> None:
    world = lived(tmp_path, kind)
    world.clock.forward(days=2)
    world.sweep()
    world.container.accounts.set_active("erlan", False, actor="test")
    world.container.accounts.end_sessions("bolat", actor="test")
    world.container.accounts.forget_source("portal")
    assert findings(world) == []
    again = world.restart()
    again.work()
    assert findings(again) == []
    assert again.container.store.guard.heads.gaps == ()
    again.container.close()


CUTS = {
    "decisions": (
        "DELETE FROM decisions WHERE position > (SELECT MAX(position) - 5 FROM decisions)",
        "DELETE FROM checkpoints WHERE log = 'decisions' AND size > (SELECT MAX(position) FROM decisions)",
    ),
    "ledger": (
        "DELETE FROM ledger WHERE position = (SELECT MAX(position) FROM ledger)",
        "DELETE FROM checkpoints WHERE log = 'ledger' AND size > (SELECT MAX(position) FROM ledger)",
    ),
}


@pytest.mark.parametrize("log", CUTS)
def test_an_end_that_was_cut_off_is_found_by_verify_and_by_the_start(log: str, tmp_path: Path) -> None:
    lived(tmp_path).container.close()
    edit(tmp_path, *CUTS[log])
    told = qorgau("ledger", "verify", data=tmp_path)
    assert told.returncode == 1
    assert f"{log}: the head kept beside the keys has" in told.stderr.decode()
    assert "the end was cut off, or this is an older copy" in told.stderr.decode()
    world = World(tmp_path)
    assert [gap.log for gap in world.container.store.guard.heads.gaps] == [log]
    world.container.close()
    assert json.loads((tmp_path / "keys" / "heads.json").read_text())["gaps"][0]["log"] == log


OUTSIDE = (
    "UPDATE users SET roles = '[\"compliance_officer\"]' WHERE id = 'marat'",
    "DELETE FROM outbox",
    "UPDATE outbox SET payload = replace(payload, 'a', 'b')",
    "DELETE FROM users WHERE id = 'marat'",
    "INSERT INTO users (id, name, roles, password_hash) SELECT 'x', name, roles, password_hash FROM users LIMIT 1",
    "UPDATE sessions SET seen_at = '2027-01-01T00:00:00Z'",
    "UPDATE source_tokens SET claims = 'null'",
    "DELETE FROM dead_letters",
    "UPDATE tracking SET notification_id = notification_id + 100",
    "DELETE FROM sign_in_tries",
    "DELETE FROM row_totals",
    "DELETE FROM row_marks WHERE name = 'users'",
)
VIEWS = (
    "DELETE FROM clock_view WHERE running = 1",
    "UPDATE incident_view SET is_open = 0",
    "DELETE FROM notice_view",
    "UPDATE clock_view SET due_at = '2030-01-01T00:00:00Z'",
)


@pytest.mark.parametrize("statement", OUTSIDE)
def test_a_row_that_no_log_tells_is_found(statement: str, tmp_path: Path) -> None:
    lived(tmp_path).container.close()
    edit(tmp_path, statement)
    told = qorgau("ledger", "verify", "--json", data=tmp_path)
    found = json.loads(told.stdout)
    assert (told.returncode, found["whole"]) == (1, False)
    assert found["altered"]
    assert found["faults"] == []


@pytest.mark.parametrize("statement", VIEWS)
def test_a_read_model_is_compared_with_the_log(statement: str, tmp_path: Path) -> None:
    lived(tmp_path).container.close()
    assert qorgau("ledger", "verify", "--views", data=tmp_path).returncode == 0
    edit(tmp_path, statement)
    told = qorgau("ledger", "verify", "--views", data=tmp_path)
    assert told.returncode == 1
    assert statement.split()[2 if "DELETE" in statement else 1] in told.stderr.decode()


def test_a_row_taken_out_with_its_mark_is_found(tmp_path: Path) -> None:
    lived(tmp_path).container.close()
    edit(
        tmp_path, "DELETE FROM row_marks WHERE name = 'users' AND key = 'marat'", "DELETE FROM users WHERE id = 'marat'"
    )
    world = World(tmp_path)
    assert findings(world) == ["users: 5 rows do not add up to the 6 that were marked"]
    world.container.close()


def test_tables_of_an_older_copy_are_found_with_their_marks_and_sums(tmp_path: Path) -> None:
    """An account was disabled since; its row, mark and sum of before are all good in themselves."""
    world = lived(tmp_path / "data")
    with closing(sqlite3.connect(tmp_path / "old.sqlite")) as copy, closing(
        sqlite3.connect(tmp_path / "data" / "qorgau.sqlite")
    ) as source:  # fmt: skip
        source.backup(copy)
    world.container.accounts.set_active("marat", False, actor="test")
    world.container.close()
    edit(
        tmp_path / "data", f"ATTACH '{tmp_path / 'old.sqlite'}' AS old", "DELETE FROM users",
        "INSERT INTO users SELECT * FROM old.users", "DELETE FROM row_marks WHERE name = 'users'",
        "INSERT INTO row_marks SELECT * FROM old.row_marks WHERE name = 'users'",
        "DELETE FROM row_totals WHERE name = 'users'",
        "INSERT INTO row_totals SELECT * FROM old.row_totals WHERE name = 'users'",
    )  # fmt: skip
    again = World(tmp_path / "data")
    assert [text.split(",")[0] for text in findings(again)] == ["users: an older copy: change 7"]
    again.container.close()


KEYS = (
    "UPDATE subject_keys SET wrapped = NULL WHERE id = (SELECT id FROM subject_keys WHERE subject <> 'index' LIMIT 1)",
    "DELETE FROM subject_keys WHERE id = (SELECT id FROM subject_keys WHERE subject <> 'index' LIMIT 1)",
    "UPDATE subject_keys SET subject = 'other' WHERE subject <> 'index'",
    "INSERT INTO subject_links VALUES ('a', 'b')",
    "DELETE FROM keys_meta WHERE key = 'sum'",
)


@pytest.mark.parametrize("statement", KEYS)
def test_a_keyring_that_was_changed_is_found(statement: str, tmp_path: Path) -> None:
    lived(tmp_path).container.close()
    edit(tmp_path / "keys", statement, file="keyring.sqlite")
    told = qorgau("ledger", "verify", data=tmp_path)
    assert told.returncode == 1
    assert "subject_keys" in told.stderr.decode()


def test_a_session_put_in_beside_the_product_opens_nothing(tmp_path: Path) -> None:
    world = lived(tmp_path)
    now = world.clock.now().isoformat()
    edit(tmp_path, f"INSERT INTO sessions VALUES ('{digest_of('mine')}', 'bolat', 'x', '{now}', '{now}')")
    assert world.container.accounts.session("mine") is None
    world.container.close()


def test_a_role_changed_beside_the_product_is_refused_at_once_and_stays_found(tmp_path: Path) -> None:
    world = lived(tmp_path)
    accounts = world.container.accounts
    token = accounts.sign_in("marat", PASSWORD)
    assert accounts.session(token) is not None
    edit(tmp_path, "UPDATE users SET roles = '[\"compliance_officer\"]' WHERE id = 'marat'")
    assert accounts.session(token) is None
    assert accounts.sign_in("marat", PASSWORD) is None
    with world.container.database.write() as cursor:
        cursor.execute("UPDATE users SET password_hash = password_hash WHERE id = 'marat'")
    assert "users marat: this row was changed beside the product" in findings(world), "the product never blesses it"
    world.container.close()


def test_a_message_put_in_or_changed_beside_the_product_is_not_sent(tmp_path: Path) -> None:
    world = lived(tmp_path)
    row = world.held(EffectRow)[0]
    edit(tmp_path, f"UPDATE outbox SET state = 'waiting', next_at = '2020-01-01T00:00:00Z' WHERE key = '{row.key}'")
    outbox = next(stage for stage in world.stages if stage.name == "outbox-mail")
    with pytest.raises(Exception, match="changed or put in beside the product, and is not sent"):
        outbox.step()
    world.container.close()


def test_a_finding_is_a_fault_until_a_look_finds_none(tmp_path: Path) -> None:
    world = lived(tmp_path)
    faults = Faults(world.container.decisions, world.clock)
    assert inspect(world.container.store.guard, faults, at_start=False) == []
    edit(tmp_path, "UPDATE incident_view SET is_open = 0")
    assert inspect(world.container.store.guard, faults, at_start=True) == []
    assert inspect(world.container.store.guard, faults, at_start=False)
    assert "incident_view" in str(faults.noted(STAGE))
    world.container.decisions.rebuild_views()
    assert inspect(world.container.store.guard, faults, at_start=False) == []
    assert faults.noted(STAGE) is None
    world.container.close()


def test_a_setting_that_differs_from_the_last_start_is_a_fact(tmp_path: Path) -> None:
    world = World(tmp_path)
    key = world.container.store.guard.marks.key
    seen = lambda: [f for f in world.container.decisions.of(KEY) if isinstance(f, SettingsSeen)]  # noqa: E731
    now = world.clock.now()
    assert see_settings(world.container.decisions, world.settings, key, now) == ()
    assert see_settings(world.container.decisions, world.settings, key, now) == ()
    assert len(seen()) == 1, "the same settings are told once"
    other = world.settings.model_copy(update={"regulator_mail": "own@mailbox.example", "metrics_token": "s3cret-word"})
    changed = {it.name: it for it in see_settings(world.container.decisions, other, key, now)}
    assert (changed["regulator_mail"].before, changed["regulator_mail"].now) == (
        world.settings.regulator_mail, "own@mailbox.example",
    )  # fmt: skip
    assert changed["metrics_token"].now.startswith("digest ")
    assert "s3cret-word" not in str(seen())
    assert (last_seen(world.container.decisions) or {})["regulator_mail"] == "own@mailbox.example"
    world.container.close()


def older(tmp_path: Path) -> World:
    """A house put back from a copy of before its last acts."""
    world = lived(tmp_path / "data")
    world.container.store.guard.heads.keep()
    with closing(sqlite3.connect(tmp_path / "old.sqlite")) as copy, closing(
        sqlite3.connect(tmp_path / "data" / "qorgau.sqlite")
    ) as source:  # fmt: skip
        source.backup(copy)
    incident = world.incidents()[0]["id"]
    world.container.acts.note(incident, "what is missing later", by=ANALYST)
    world.container.close()
    for path in (tmp_path / "data").glob("qorgau.sqlite*"):
        path.unlink()
    shutil.copyfile(tmp_path / "old.sqlite", tmp_path / "data" / "qorgau.sqlite")
    return World(tmp_path / "data", world.clock)


def test_an_older_copy_takes_events_in_and_does_nothing_before_two_persons_accept_it(tmp_path: Path) -> None:
    world = older(tmp_path)
    guard = world.container.store.guard
    assert [gap.log for gap in guard.heads.gaps] == ["decisions"]
    incident = world.incidents()[0]["id"]
    with pytest.raises(DecisionRefused, match="accept-gap"):
        world.container.acts.note(incident, "not now", by=ANALYST)
    taken = world.container.intake.take(Batch("portal", None, world.clock.now(), world.event("backup.job")))
    assert taken.taken.accepted == 1
    with pytest.raises(DecisionRefused, match="different roles"):
        accept(guard, world.clock, COMPLIANCE, COMPLIANCE_2, "the disk broke")
    with pytest.raises(DecisionRefused, match="different roles"):
        accept(guard, world.clock, COMPLIANCE, COMPLIANCE, "the disk broke")
    waiting = {row.key for row in world.held(EffectRow) if row.state in ("waiting", "performing")}
    done = accept(guard, world.clock, COMPLIANCE, CISO, "the disk broke")
    assert (done.gaps, done.to_ask) == (1, len(waiting))
    fact = next(f for f in _facts(world) if isinstance(f, GapAccepted))
    assert fact.agreed_by == "gulnar"
    assert fact.gaps[0].kept > fact.gaps[0].held
    assert set(fact.to_ask) == waiting
    assert {row.state for row in world.held(EffectRow) if row.key in waiting} <= {"unknown"}
    world.container.acts.note(incident, "now", by=ANALYST)
    world.work()
    assert findings(world) == []
    world.whole()
    again = world.restart()
    assert again.container.store.guard.heads.gaps == ()
    with pytest.raises(DecisionRefused, match="nothing to accept"):
        accept(again.container.store.guard, again.clock, COMPLIANCE, CISO, "again")
    again.container.close()


def test_a_gap_is_accepted_on_the_command_line_by_two_passwords(tmp_path: Path) -> None:
    older(tmp_path).container.close()
    data = tmp_path / "data"
    args = ("ledger", "restore", "--accept-gap", "--as", "bolat", "--agreed-by", "gulnar", "--reason", "disk")
    assert qorgau(*args, data=data, stdin=f"{PASSWORD}\nwrong\n".encode()).returncode != 0
    done = qorgau(*args, data=data, stdin=f"{PASSWORD}\n{PASSWORD}\n".encode())
    assert done.returncode == 0, done.stderr.decode()
    assert qorgau("ledger", "verify", "--views", data=data).returncode == 0


def test_marks_come_once_and_not_again_by_a_trick(tmp_path: Path) -> None:
    """Whoever takes all marks out makes no store of before of it: the file beside the keys says there were some."""
    lived(tmp_path).container.close()
    edit(tmp_path, "DELETE FROM row_marks", "DELETE FROM row_totals",
         "UPDATE users SET roles = '[\"ciso\"]' WHERE id = 'marat'")  # fmt: skip
    world = World(tmp_path)
    assert findings(world) == ["row_totals: the marks of all tables are gone"]
    assert not any(isinstance(fact, MarksPut) for fact in _facts(world))
    assert world.container.accounts.sign_in("marat", PASSWORD) is None
    world.container.close()


def _facts(world: World) -> list[Any]:
    return [stored.fact for stored in world.container.decisions.read(0, 10_000)]


@pytest.mark.parametrize(
    "seed", [pytest.param(seed, marks=[] if seed < 4 else [pytest.mark.slow]) for seed in range(12)]
)
def test_random_edits_by_an_insider_are_all_found(seed: int, tmp_path: Path) -> None:
    """Rows changed, put in twice or taken out, with and without their marks; the database alone."""
    choose = random.Random(seed)
    lived(tmp_path).container.close()
    world = World(tmp_path)
    assert findings(world) == []
    path = tmp_path / "qorgau.sqlite"
    good = path.read_bytes() if not world.container.close() else b""
    for _ in range(8):
        for beside in tmp_path.glob("qorgau.sqlite-*"):
            beside.unlink()
        path.write_bytes(good)
        told = _random_edit(path, choose)
        world = World(tmp_path)
        assert findings(world) != [], told
        world.container.close()


def _random_edit(path: Path, choose: random.Random) -> str:
    with closing(sqlite3.connect(path)) as connection:
        names = [*tables.BY_NAME, *tables.VIEWS]
        filled = [n for n in names if connection.execute(f"SELECT 1 FROM {n} LIMIT 1").fetchone()]
        name = choose.choice(filled)
        cursor = connection.execute(f"SELECT * FROM {name}")
        columns = [it[0] for it in cursor.description]
        row = choose.choice(cursor.fetchall())
        key = tables.BY_NAME[name].key if name in tables.BY_NAME else _key_of(connection, name)
        where = " AND ".join(f"{column} = ?" for column in key)
        values = [row[columns.index(column)] for column in key]
        if choose.random() < 0.5:
            connection.execute(f"DELETE FROM {name} WHERE {where}", values)
            told = f"{name} {values} taken out"
            if choose.random() < 0.5:
                text = "\x1f".join(map(str, values))
                connection.execute("DELETE FROM row_marks WHERE name = ? AND key = ?", (name, text))
        else:
            column = choose.choice([name for name in columns if name not in key] or columns)
            value = row[columns.index(column)]
            other = value + 1 if isinstance(value, int) else b"x" if isinstance(value, bytes) else f"{value or ''}x"
            connection.execute(f"UPDATE OR REPLACE {name} SET {column} = ? WHERE {where}", (other, *values))
            told = f"{name} {values}: {column} {value!r} → {other!r}"
        connection.commit()
        return told


def _key_of(connection: sqlite3.Connection, name: str) -> list[str]:
    return [row[1] for row in connection.execute(f"PRAGMA table_info({name})") if row[5]]


def damaged(path: Path, name: str, *, root: bool = True) -> bool:
    """Overwrite the root page of a table, or the last page that only it uses; says whether there is such a page."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        (size,) = connection.execute("PRAGMA page_size").fetchone()
        sql = "SELECT rootpage FROM sqlite_master WHERE name = ? AND type = 'table'"
        (page,) = connection.execute(sql, (name,)).fetchone()
    if not root:
        with path.open("rb") as file:
            file.seek((page - 1) * size)
            head = file.read(12)
            if head[0] not in (2, 5):
                return False
            page = int.from_bytes(head[8:12], "big")
    with path.open("r+b") as file:
        file.seek((page - 1) * size)
        file.write(b"\xa5" * size)
    return True


QUICK = ("clock_view", "notice_view", "tally", "tiles")
"""Tables whose repair is tried every time; that of the others with the long tests."""


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[] if name in QUICK else [pytest.mark.slow])
        for name in (*tables.VIEWS, "tally", "proofs", "known_runs", "search_marks", "tiles")
    ],
)
def test_a_damaged_page_of_a_derived_table_is_repaired(name: str, tmp_path: Path) -> None:
    world = lived(tmp_path)
    before = {table: sorted(map(str, world.rows(f"SELECT * FROM {table}"))) for table in tables.VIEWS}
    world.container.close()
    damaged(tmp_path / "qorgau.sqlite", name)
    told = qorgau("ledger", "verify", data=tmp_path)
    assert told.returncode in (1, 2), "no traceback, one line each"
    assert f"{name}" in told.stderr.decode()
    assert b"Traceback" not in told.stderr
    done = qorgau("ledger", "rebuild", "--json", data=tmp_path)
    assert done.returncode == 0, done.stderr.decode()
    assert (tmp_path / "qorgau.sqlite.damaged-1").exists()
    again = World(tmp_path)
    assert {table: sorted(map(str, again.rows(f"SELECT * FROM {table}"))) for table in tables.VIEWS} == before
    assert findings(again) == []
    again.work()
    again.whole()
    again.container.close()


@pytest.mark.parametrize("log", ["ledger", "decisions"])
def test_a_damaged_page_of_a_log_is_named_and_taken_from_a_backup(log: str, tmp_path: Path) -> None:
    world = lived(tmp_path / "data")
    for number in range(60):
        world.feed(*(world.event("backup.job", note=f"{number} {'x' * 300}") for _ in range(3)))
    sizes = world.whole()
    world.container.close()
    assert qorgau("ledger", "backup", str(tmp_path / "b.sqlite"), data=tmp_path / "data").returncode == 0
    assert damaged(tmp_path / "data" / "qorgau.sqlite", log, root=False)
    told = qorgau("ledger", "rebuild", data=tmp_path / "data")
    assert told.returncode == 2
    assert f"the log '{log}' has a damaged page" in told.stderr.decode()
    assert "positions " in told.stderr.decode()
    done = qorgau("ledger", "rebuild", "--from", str(tmp_path / "b.sqlite"), data=tmp_path / "data")
    assert done.returncode == 0, done.stderr.decode()
    assert f"taken from the backup: {log}" in done.stderr.decode()
    again = World(tmp_path / "data")
    assert again.whole() == sizes
    assert findings(again) == []
    again.container.close()


def test_a_damaged_table_that_no_log_tells_is_named(tmp_path: Path) -> None:
    lived(tmp_path).container.close()
    damaged(tmp_path / "qorgau.sqlite", "users")
    told = qorgau("ledger", "rebuild", data=tmp_path)
    assert told.returncode == 2
    assert "its rows are in no log; restore a backup" in told.stderr.decode()
