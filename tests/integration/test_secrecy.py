"""Planted persons are looked for everywhere: files, index, logs, errors, health. None may be found in the clear."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path
from typing import Any

import orjson
import pytest

from engine.events.identifiers import iin_check_digit
from engine.kernel.errors import DataError
from infra.read import queries
from infra.store.keys.keyring import Keyring
from infra.store.keys.master import KeyFolder, LocalMasterKey
from infra.store.keys.vault import Vault
from tests.commands import qorgau
from tests.support import World


def person(number: int) -> dict[str, str]:
    """Identifiers of somebody who does not exist, unlike anybody else's."""
    first = f"90{number % 12 + 1:02d}{number % 28 + 1:02d}3{number:04d}"
    digit = iin_check_digit(first)
    return {
        "iin": first + (digit or "0"),
        "phone": f"+7701{4000000 + number * 7:07d}",
        "name": f"Канарейкин{number} Птах{number}",
        "account": f"KZ{10 + number % 90}125KZT50041{number:05d}77",
        "document": f"N{number:05d}CANARY",
    }


def personal_value(name: str, kind: str, who: dict[str, str]) -> Any:
    if kind in ("iin", "phone"):
        return who[kind]
    if "account" in name:
        return who["account"]
    if "document.number" in name:
        return who["document"]
    if kind == "mrz":
        return [f"ID{who['document']}<<<", who["iin"], f"{who['name']}<<"]
    return who["name"]


def planted(world: World) -> list[str]:
    """Feed every event type with personal fields full of canaries; and bytes nobody can read."""
    secrets: list[str] = []
    catalogue = world.container.catalogue
    for number, action in enumerate(sorted(catalogue.events), 1):
        who = person(number)
        example = catalogue.example(action)
        for name in list(example):
            spec = catalogue.fields.get(name)
            if spec is not None and spec.personal:
                example[name] = personal_value(name, spec.type, who)
        example |= {"mfo.client.name": who["name"], "x.unknown": who["document"], "event.id": f"plant-{number}"}
        example |= {"@timestamp": world.clock.now().isoformat(), "mfo.client.id": f"c-{number}"}
        lines = [orjson.dumps(example), orjson.dumps({**example, "event.id": f"again-{number}"})]
        world.feed(*lines, b"not json " + who["iin"].encode(), orjson.dumps({"iin": who["iin"], "n": who["name"]}))
        secrets += who.values()
    world.sweep()
    world.clock.forward(days=4)
    world.sweep()
    return secrets


def forms(secret: str) -> list[bytes]:
    return [secret.encode(), secret.encode("utf-16-le"), orjson.dumps(secret)[1:-1], ascii(secret).encode()[1:-1]]


def found_in(data: bytes, secrets: list[str]) -> list[str]:
    return [secret for secret in secrets if any(form in data for form in forms(secret))]


def test_no_planted_person_stands_anywhere_in_the_clear(
    world: World, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    caplog.set_level(logging.DEBUG)
    secrets = planted(world)
    assert len(world.incidents()) > 15, "the canaries went through rules, incidents, clocks and notices"
    world.container.close_segments(100)
    shown = orjson.dumps(queries.dead_letters(world.container)) + orjson.dumps(queries.search(world.container, ""))
    assert found_in(shown, secrets) == []
    assert found_in(caplog.text.encode(), secrets) == []
    world.container.close()
    for command in (("ledger", "verify"), ("ledger", "stats"), ("incidents", "list"), ("notices", "list")):
        done = qorgau(*command, data=world.folder)
        assert found_in(done.stdout + done.stderr, secrets) == []
    files = [path for path in world.folder.rglob("*") if path.is_file()]
    assert len(files) > 3
    for path in files:
        assert found_in(path.read_bytes(), secrets) == [], path


def test_a_thief_of_the_data_without_the_keys_has_nothing(world: World, tmp_path: Path) -> None:
    world.feed(world.event("portal.application.submitted", mfo__client__iin="850101300005", mfo__client__id="c-1"))
    world.container.close()
    stolen = tmp_path / "stolen"
    shutil.copytree(world.folder, stolen, ignore=shutil.ignore_patterns("keys"))
    done = qorgau("ledger", "export", data=stolen)
    assert b"850101300005" not in done.stdout
    assert done.returncode == 2, "another key does not pass for the store's"


def test_keys_survive_the_rotation_of_the_master_key(world: World) -> None:
    world.feed(world.event("portal.application.submitted", mfo__client__iin="850101300005", mfo__client__id="c-1"))
    old = world.container.store.keyring.master.id
    world.container.close()
    assert qorgau("keys", "rotate", data=world.folder).returncode == 0
    assert qorgau("keys", "rotate", data=world.folder).returncode == 0
    again = World(world.folder, world.clock)
    assert again.container.store.keyring.master.id != old
    assert again.container.ledger.read(0, 1)[0].fields["mfo.client.iin"] == "850101300005"
    assert len(list((world.folder / "keys").glob("master*.key"))) == 1
    assert again.container.ledger.find(again.container.store.vault.questions("850101300005")) == [1]
    again.container.close()


def test_ciphertext_moved_to_another_event_does_not_open(world: World) -> None:
    for number in (1, 2):
        world.feed(
            world.event("portal.application.submitted", mfo__client__iin="850101300005", mfo__client__id=f"c{number}")
        )
    vault: Vault = world.container.store.vault
    sealed = vault.lock("a", b"text", world.clock.now())
    assert vault.unlock("a", sealed) == b"text"
    with pytest.raises(DataError, match="belongs to another"):
        vault.unlock("b", sealed)
    with pytest.raises(DataError, match="was changed"):
        vault.unlock("a", sealed[:-1] + bytes([sealed[-1] ^ 1]))


def test_what_is_wrong_with_keys_is_said_without_showing_them(world: World, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="32 bytes"):
        LocalMasterKey.parse("c2hvcnQ=")
    with pytest.raises(DataError, match="is needed and not here"):
        Keyring(world.container.store.keyring.database, LocalMasterKey(b"x" * 32))
    folder = KeyFolder(tmp_path / "k")
    folder.signing_seed()
    (tmp_path / "k" / "checkpoint.key").chmod(0o644)
    with pytest.raises(DataError, match="chmod 600"):
        folder.signing_seed()
    done = qorgau("ledger", "stats", data=tmp_path / "d", QORGAU_MASTER_KEY="not a key at all")
    assert done.returncode == 2
    assert b"not a key at all" not in done.stderr
