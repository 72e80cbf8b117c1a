"""Rules and lists from the command line: explanations, and the whole life of a version."""

from __future__ import annotations

import json
import re
from pathlib import Path

from tests.commands import qorgau

EVENT = b'{"event.action":"portal.profile.change_applied","mfo.client.id":"c1","mfo.change.field":"phone"}\n'


def account(data: Path, user: str, role: str) -> bytes:
    made = qorgau("users", "add", user, "--name", user, "--role", role, data=data)
    found = re.search(rb"password: (\S+)", made.stdout)
    assert found is not None, made.stderr
    return found.group(1) + b"\n"


def test_a_hit_and_a_miss_are_explained(tmp_path: Path) -> None:
    file = tmp_path / "events.ndjson"
    file.write_bytes(EVENT)
    words = ["rules", "eval", "--rules", "rules/packs", "--events", str(file), "--explain", "--rule", "iin-immutable"]
    told = json.loads(qorgau(*words, data=tmp_path).stdout)
    assert set(told["explain"]) == {"iin-immutable", "sensitive-change"}
    decided = told["explain"]["iin-immutable"][0]["decided"]
    assert [(part["field"], part["value"], part["says"]) for part in decided] == [
        ("mfo.change.field", "phone", "is 'iin'")
    ]
    text = qorgau(*words, "--text", data=tmp_path).stdout.decode()
    assert "mfo.change.field is 'iin'; the event has phone" in text
    wrong = qorgau(*words[:-1], "no-such-rule", data=tmp_path)
    assert (wrong.returncode, b"no rule 'no-such-rule'" in wrong.stderr) == (2, True)


def test_a_version_lives_from_tuning_to_roll_back(tmp_path: Path) -> None:
    erlan, bolat = account(tmp_path, "erlan", "fraud_analyst"), account(tmp_path, "bolat", "compliance_officer")
    rule, why = "credential-stuffing", ["--reason", "seen"]

    def run(*words: str, by: bytes, user: str) -> tuple[int, str]:
        done = qorgau("rules", *words, "--as", user, data=tmp_path, stdin=by)
        return done.returncode, (done.stdout + done.stderr).decode()

    code, told = run("tune", rule, "clients=8", *why, by=erlan, user="erlan")
    assert code == 0
    version = told.split()[-1]
    assert run("try", rule, version, by=erlan, user="erlan") == (0, "4 tests, 0 failed\n")
    assert run("propose", rule, version, *why, by=erlan, user="erlan")[0] == 0
    code, told = run("approve", rule, version, *why, by=erlan, user="erlan")
    assert (code != 0, "cannot approve" in told) == (True, True)
    assert run("approve", rule, version, *why, by=bolat, user="bolat")[0] == 0
    assert run("activate", rule, version, *why, by=erlan, user="erlan")[0] == 0
    rows = json.loads(qorgau("rules", "life", "--json", data=tmp_path).stdout)
    assert [(row["version"], row["stage"], row["runs"]) for row in rows] == [(version, "approved", "active")]
    code, told = run("rollback", rule, *why, by=bolat, user="bolat")
    assert (code, "another person" in told, told.endswith(f"{rule} {version}\n")) == (0, True, True)
    assert run("rollback", rule, *why, by=erlan, user="erlan") == (0, f"{rule} product\n")
    code, told = run("tune", rule, "clients=800", *why, by=erlan, user="erlan")
    assert (code, "outside 3 to 100" in told) == (2, True)
    code, told = run("draft", "README.md", *why, by=erlan, user="erlan")
    assert code == 2
    added = ["lists", "change", "allow_accounts", "--add", "sha256:x", "--as", "erlan", *why]
    assert b"another person" in qorgau(*added, data=tmp_path, stdin=erlan).stdout
    agreed = qorgau("lists", "approve", "allow_accounts", "--as", "bolat", *why, data=tmp_path, stdin=bolat)
    assert agreed.returncode == 0
    shown = json.loads(qorgau("lists", "list", "--json", data=tmp_path).stdout)
    assert {row["name"]: row["entries"] for row in shown}["allow_accounts"] == 1
