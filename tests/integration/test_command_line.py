"""The command line as a user meets it: processes, pipes, exit statuses, one-line errors."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.commands import qorgau
from tests.support import DATA, MovingClock, World


def test_simulated_events_are_all_counted_and_a_second_run_accepts_none(tmp_path: Path) -> None:
    labels = tmp_path / "labels.ndjson"
    made = qorgau("simulate", "--events", "5000", "--seed", "7", "--labels", str(labels), data=tmp_path)
    again = qorgau("simulate", "--events", "5000", "--seed", "7", data=tmp_path)
    assert made.stdout == again.stdout
    assert made.stdout.count(b"\n") == 5000
    body = made.stdout + b"{broken\n"
    first = json.loads(qorgau("ingest", "-", "--json", data=tmp_path, stdin=body).stdout)
    assert (first["accepted"], first["duplicate"], first["rejected"]) == (5000, 0, 1)
    second = json.loads(qorgau("ingest", "-", "--json", data=tmp_path, stdin=body).stdout)
    assert (second["accepted"], second["duplicate"], second["rejected"]) == (0, 5000, 1)
    ids = {json.loads(line)["event.id"] for line in made.stdout.splitlines()}
    marks = [json.loads(line) for line in labels.read_text().splitlines()]
    assert marks
    assert all(mark["event.id"] in ids for mark in marks)


def test_every_labelled_campaign_is_found_and_ordinary_traffic_raises_nothing(tmp_path: Path) -> None:
    made = qorgau("simulate", "--events", "60000", "--seed", "3", "--labels", str(tmp_path / "l"), data=tmp_path)
    qorgau("ingest", "-", data=tmp_path, stdin=made.stdout)
    assert qorgau("catch-up", data=tmp_path).returncode == 0
    marks = [json.loads(line) for line in (tmp_path / "l").read_text().splitlines()]
    ended = {mark["instance"] for mark in marks if mark["last"]}
    wanted = {rule for mark in marks if mark["instance"] in ended for rule in mark["rules"]}
    begun = {rule for mark in marks for rule in mark["rules"]}
    world = World(tmp_path)
    found = {row["rule_name"] for row in world.incidents()}
    world.container.close()
    # Past traffic read in one go: the engine gives its stop order now, so the calls of the past broke none.
    assert wanted - found <= {"collection-after-stop"}
    assert found - begun == set()


def test_two_processes_write_side_by_side(tmp_path: Path) -> None:
    made = [
        qorgau("simulate", "--events", "8000", "--seed", seed, data=tmp_path).stdout.splitlines(keepends=True)
        for seed in ("1", "2", "3")
    ]
    environment = {**os.environ, "QORGAU_DATA": str(tmp_path)}
    command = [sys.executable, "-m", "infra", "ingest", "-", "--json"]
    running = []
    for lines in made:
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment)
        running.append((process, b"".join(lines)))
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(3) as pool:
        outs = list(pool.map(lambda pair: pair[0].communicate(pair[1])[0], running))
    assert [json.loads(out)["accepted"] for out in outs] == [8000, 8000, 8000]
    assert qorgau("ledger", "verify", data=tmp_path).returncode == 0


def test_a_bad_line_is_named_by_file_line_and_field(tmp_path: Path) -> None:
    file = tmp_path / "e.ndjson"
    file.write_bytes(b'{"event.id":"1","event.action":"backup.job"}\n\n{"event.id":"","event.action":"backup.job"}\n')
    done = qorgau("ingest", str(file), "--show-rejects", data=tmp_path)
    assert done.returncode == 0
    assert f"{file}:3: field 'event.id':".encode() in done.stderr


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (["ingest", "no-such-file"], 2, "no-such-file"),
        (["clock", "due", "nope", "2026-11-23T10:00:00+05:00"], 2, "there is no clock 'nope'"),
        (["clock", "due", "triage", "yesterday"], 2, "STARTED_AT"),
        (["incidents", "show", "INC-1"], 2, "no such incident"),
        (["nothing"], 2, "No such command"),
        (["rules", "eval", "--rules", "nowhere", "--events", "x"], 2, "nowhere"),
        (["playbooks", "validate", str(DATA / "cacao" / "invalid_playbook.json")], 1, ""),
        (["playbooks", "validate", str(DATA / "cacao" / "manual-playbook.json")], 0, ""),
        (["users", "add", "x y", "--role", "ciso"], 2, "user"),
        (["rules", "test"], 0, ""),
        (["rules", "lint"], 0, ""),
        (["ledger", "verify"], 0, ""),
        (["report", "coverage"], 0, ""),
        (["clock", "list"], 0, ""),
        (["playbooks", "list"], 0, ""),
    ],
)
def test_exit_status_and_error(tmp_path: Path, arguments: list[str], status: int, said: str) -> None:
    done = qorgau(*arguments, data=tmp_path)
    assert done.returncode == status, done.stderr
    text = done.stderr.decode()
    assert said in text
    assert "Traceback" not in text
    if status == 2:
        assert len(text.splitlines()) == 1


def test_a_setting_nobody_knows_stops_the_start(tmp_path: Path) -> None:
    done = qorgau("users", "list", data=tmp_path, QORGAU_PROT="8080")
    assert done.returncode == 2
    assert b"QORGAU_PROT" in done.stderr


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("prot = ", "qorgau.toml"),
        ("prot = 1", "no such setting"),
        ("port = 'x'", "QORGAU_PORT"),
        ("[rule_parameters.credential-stuffing]\nclients = 1500", "lies outside 3 to 100"),
        ("[rule_parameters.no-such]\nclients = 15", "no-such"),
    ],
)
def test_a_faulty_settings_file_is_one_line(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "qorgau.toml"
    file.write_text(text)
    done = qorgau("users", "list", data=tmp_path / "d", QORGAU_TOML=str(file))
    assert done.returncode == 2
    assert said in done.stderr.decode()
    assert len(done.stderr.splitlines()) == 1


def test_tuned_parameters_are_used_and_do_not_fail_the_rules_own_tests(tmp_path: Path) -> None:
    file = tmp_path / "qorgau.toml"
    file.write_text("[rule_parameters.credential-stuffing]\nclients = 60\n")
    assert qorgau("rules", "test", data=tmp_path, QORGAU_TOML=str(file)).returncode == 0
    world = World(tmp_path / "d", rule_parameters={"credential-stuffing": {"clients": 60}})
    world.feed(*(world.event("portal.login.failed", mfo__client__id=f"c{i}", source__ip="10.0.0.9") for i in range(59)))
    assert world.incidents() == []
    world.feed(world.event("portal.login.failed", mfo__client__id="c99", source__ip="10.0.0.9"))
    assert [row["rule_name"] for row in world.incidents()] == ["credential-stuffing"]


def test_a_wrong_value_names_its_setting(tmp_path: Path) -> None:
    done = qorgau("users", "list", data=tmp_path, QORGAU_PORT="eighty")
    assert done.returncode == 2
    assert b"QORGAU_PORT" in done.stderr


def test_a_tampered_ledger_fails_verification_with_status_1(tmp_path: Path) -> None:
    import sqlite3

    made = qorgau("simulate", "--events", "1000", "--seed", "1", data=tmp_path)
    qorgau("ingest", "-", data=tmp_path, stdin=made.stdout)
    connection = sqlite3.connect(tmp_path / "qorgau.sqlite")
    (state,) = connection.execute("SELECT state FROM ledger").fetchone()
    connection.execute("UPDATE ledger SET state = ?", (state.replace(b"sim-1-00000500", b"sim-1-00000501"),))
    connection.commit()
    connection.close()
    done = qorgau("ledger", "verify", "--json", data=tmp_path)
    assert done.returncode == 1
    assert json.loads(done.stdout)["faults"][0]["position"] == 500


def test_export_gives_back_the_bytes_that_came_in(tmp_path: Path) -> None:
    made = qorgau("simulate", "--events", "1000", "--seed", "1", data=tmp_path)
    qorgau("ingest", "-", data=tmp_path, stdin=made.stdout)
    word = b"umbrella over seven mountains\n"
    qorgau("users", "add", "aud", "--role", "auditor", "--password-stdin", data=tmp_path, stdin=word)
    named = ("--as", "aud", "--reason", "the yearly audit")
    assert qorgau("ledger", "export", *named, data=tmp_path, stdin=word).stdout == made.stdout
    covered = qorgau("ledger", "export", data=tmp_path).stdout.splitlines()
    assert len(covered) == 1000
    assert b"(personal)" in b"".join(covered)


def test_rules_eval_reads_nested_and_flat_events_alike(tmp_path: Path) -> None:
    rule = tmp_path / "r.yml"
    rule.write_text(
        "title: T\nid: 6a2b8f00-0000-4000-8000-000000000001\nlogsource: {product: windows}\n"
        "detection:\n  sel: {a.b: x}\n  condition: sel\n"
    )
    events = tmp_path / "e.ndjson"
    events.write_text('{"a": {"b": "X"}}\n{"a.b": "x"}\n{"a.b": "y"}\n')
    done = qorgau("rules", "eval", "--rules", str(rule), "--events", str(events), data=tmp_path)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [len(line["matches"]) for line in lines] == [1, 1, 0]
    assert [line["index"] for line in lines] == [0, 1, 2]


def test_incidents_are_exported_in_the_formats_of_other_tools(tmp_path: Path) -> None:
    world = World(tmp_path, MovingClock(datetime.now(UTC)))
    for client in ("c-1", "c-2"):
        world.feed(world.event("portal.profile.change_applied", mfo__client__id=client, mfo__change__field="iin"))
    number = world.incidents()[0]["number"]
    world.container.close()
    done = qorgau("incidents", "export", "--all", "--format", "stix", data=tmp_path)
    assert [json.loads(line)["type"] for line in done.stdout.splitlines()] == ["bundle", "bundle"]
    done = qorgau("incidents", "export", number, "--format", "ocsf", data=tmp_path)
    assert json.loads(done.stdout)["metadata"]["event_code"] == number
    done = qorgau("incidents", "export", data=tmp_path)
    assert (done.returncode, b"--all" in done.stderr) == (2, True)
