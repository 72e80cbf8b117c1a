"""Commands that read: masked without a person, decrypted with one who says why, and on record either way."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import orjson
import pytest

from infra.cli import cli
from tests.commands import qorgau
from tests.support import PASSWORD, World

READING = {
    "archive get", "archive list", "clock week", "evidence bundle", "incidents export", "incidents list",
    "incidents show", "ledger export", "ledger find", "notices clients", "notices list", "notices render",
    "notices show", "protections list", "reads list", "retention list", "search find",
}  # fmt: skip
"""Commands that show somebody's: they take --as and --reason."""
HARMLESS = {
    "archive check", "catch-up", "check", "clock due", "clock list", "dead-letters", "evidence verify", "keys backup",
    "keys restore", "keys rotate", "keys show", "ledger backup", "ledger check-proof", "ledger checkpoint",
    "ledger migrate", "ledger prove", "ledger prove-growth", "ledger rebuild", "ledger restore", "ledger segments",
    "ledger stats", "ledger timestamps", "ledger verify", "lists show", "permissions", "playbooks list",
    "playbooks validate", "probe", "report", "retention certificate", "rules", "search rebuild", "search status",
    "serve", "simulate", "sources", "stream", "syslog", "users", "watchdog", "webhooks", "witness", "bench",
    "reference-systems",
}  # fmt: skip
"""Commands (or whole groups) that show figures, outlines, hashes, encrypted records, or what names nobody."""
ACTING = {
    "clock confirm-time", "clock correct",
    "archive add", "dead-letters read-again", "incidents clients", "notices mail-in", "incidents report",
    "incidents split", "ingest", "lists", "notices approve", "notices gateway-in", "notices receipt",
    "notices resend-failures", "notices seal", "notices to-sign", "playbooks run", "protections enter", "retention",
}  # fmt: skip
"""Commands that do something, or give one's own text to sign."""


def _leaves(group: click.Group, name: str = "") -> Iterator[tuple[str, click.Command]]:
    context = click.Context(group)
    for it in group.list_commands(context):
        found = group.get_command(context, it)
        assert found is not None
        if isinstance(found, click.Group):
            yield from _leaves(found, f"{name}{it} ")
        else:
            yield f"{name}{it}", found


def test_every_command_is_classified_and_who_shows_somebody_asks_for_a_person_and_a_reason() -> None:
    leaves = dict(_leaves(cli))
    known = READING | HARMLESS | ACTING
    assert sorted(it for it in leaves if it not in known and it.split()[0] not in known) == []
    for name in READING:
        options = {option for parameter in leaves[name].params for option in parameter.opts}
        assert {"--as", "--reason"} <= options, name


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path / "data", regulator_mail="agency@example.kz").people()
    world.feed(
        world.event(
            "portal.profile.change_applied", mfo__client__id="c-1", mfo__change__field="iin",
            mfo__client__iin="850101300005",
        )
    )  # fmt: skip
    yield world
    world.container.close()


def _records(world: World) -> list[dict[str, Any]]:
    with world.container.store.access.reading() as connection:
        if connection is None:
            return []
        return [orjson.loads(row[0]) for row in connection.execute("SELECT entry FROM reads ORDER BY position")]


SIGNED = ("--as", "bolat", "--reason", "asked by the regulator")
WORD = f"{PASSWORD}\n".encode()


def test_the_export_of_the_ledger_is_masked_without_a_person(world: World) -> None:
    plain = qorgau("ledger", "export", data=world.folder)
    assert b"850101300005" not in plain.stdout
    assert b"(personal)" in plain.stdout
    assert b"personal fields are masked" in plain.stderr
    shown = qorgau("ledger", "export", *SIGNED, data=world.folder, stdin=WORD)
    assert b"850101300005" in shown.stdout, shown.stderr
    refused = qorgau("ledger", "export", "--as", "bolat", data=world.folder, stdin=WORD)
    assert (refused.returncode, b"--reason" in refused.stderr, refused.stdout) == (2, True, b"")
    wrong = qorgau("ledger", "export", *SIGNED, data=world.folder, stdin=b"not it\n")
    assert (wrong.returncode, wrong.stdout) == (2, b"")
    role = qorgau("ledger", "export", "--as", "erlan", "--reason", "why", data=world.folder, stdin=WORD)
    assert (role.returncode, role.stdout) == (2, b"")
    told = [(it["who"], it["route"], it["reason"]) for it in _records(world)]
    assert told == [("command line", "ledger export", ""), ("bolat", "ledger export", "asked by the regulator")]


def test_a_bundle_has_personal_fields_only_for_who_says_why(world: World, tmp_path: Path) -> None:
    number = str(world.incidents()[0]["number"])
    for name, options, word in (("a.zip", (), b""), ("b.zip", SIGNED, WORD)):
        made = qorgau(
            "evidence", "bundle", number, "--personal", "--output", str(tmp_path / name), *options, data=world.folder,
            stdin=word,
        )  # fmt: skip
        assert made.returncode == 0, made.stderr
    assert b"850101300005" not in b"".join(_contents(tmp_path / "a.zip"))
    assert b"850101300005" in b"".join(_contents(tmp_path / "b.zip"))
    assert [it["who"] for it in _records(world)] == ["command line", "bolat"]


def _contents(path: Path) -> list[bytes]:
    with zipfile.ZipFile(path) as file:
        return [file.read(name) for name in file.namelist()]


def test_reading_by_command_is_on_record_and_sees_what_the_role_sees(world: World) -> None:
    number, key = str(world.incidents()[0]["number"]), str(world.incidents()[0]["id"])
    assert qorgau("incidents", "show", number, "--json", data=world.folder).returncode == 0
    assert qorgau("incidents", "show", number, *SIGNED, data=world.folder, stdin=WORD).returncode == 0
    found = qorgau("ledger", "find", "850101300005", *SIGNED, data=world.folder, stdin=WORD)
    assert found.returncode == 0, found.stderr
    assert (
        qorgau("protections", "list", "--as", "erlan", "--reason", "r", data=world.folder, stdin=WORD).returncode == 2
    )
    records = _records(world)
    assert [(it["who"], it["route"]) for it in records] == [
        ("command line", "incidents show"), ("bolat", "incidents show"), ("bolat", "ledger find"),
    ]  # fmt: skip
    assert all(key in it["ids"].get("incident", [key]) for it in records)
    assert "850101300005" not in orjson.dumps(records).decode()


def test_a_document_is_given_out_to_nobody_who_does_not_name_himself(world: World, tmp_path: Path) -> None:
    done = qorgau("archive", "get", "none", "--output", str(tmp_path / "x"), data=world.folder)
    assert (done.returncode, b"--as" in done.stderr) == (2, True)
