"""``qorgau keys``: the keys of the log and of persons."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import click

from engine.kernel.errors import InputError
from infra.cli import common
from infra.store.keys.keyring import Keyring
from infra.store.sql.schema import KEYRING
from infra.store.sql.sqlite import SqliteDatabase


@click.group()
def keys() -> None:
    """Keys: of the checkpoints, of persons, and the master key those are wrapped under."""


@keys.command()
@common.as_json
def show(as_json: bool) -> None:
    """Print the log's public key, for witnesses and auditors, and count the keys of persons."""
    with common.reading() as container:
        found = {
            "log": container.store.signer.verifier.text(), "master": container.store.keyring.master.id,
            **container.store.keyring.stats(),
        }  # fmt: skip
    if as_json:
        click.echo(json.dumps(found))
    else:
        for name, value in found.items():
            click.echo(f"{name:10} {value}")


@keys.command()
def rotate() -> None:
    """Make a new master key and wrap every key of a person under it; the old one is removed when it wraps none.

    May be broken off and run again. With QORGAU_MASTER_KEY set, put the new key there and the old one beside it as
    master-<id>.key before running this; then only the wrapping is done.
    """
    settings = common.settings()
    with common.container() as container:
        store = container.store
        before = [*store.keys.older(), store.keyring.master]
        fresh = store.keys.replace_master() if settings.master_key is None else store.keyring.master
        ring = Keyring(store.keyring.database, fresh, [key for key in before if key.id != fresh.id])
        count = ring.rewrap()
        for old in store.keys.older():
            store.keys.drop(old)
        click.echo(f"{count} keys wrapped under the master key {fresh.id}")


@keys.command()
@click.argument("folder", type=click.Path(path_type=Path))
def backup(folder: Path) -> None:
    """Copy the keys to a new directory while the engine runs. Keep it apart from backups of the data.

    A copy made before somebody was forgotten would bring the destroyed key back: destroy old copies.
    """
    if folder.exists():
        raise InputError("exists already", file=str(folder))
    with common.container() as container:
        source = container.settings.keys_folder
        folder.mkdir(parents=True, mode=0o700)
        for path in [*sorted(source.glob("*.key")), *source.glob("heads.json")]:
            shutil.copy2(path, folder / path.name)
        ring = container.store.keyring.database
        if isinstance(ring, SqliteDatabase):
            ring.copy_to(folder / "keyring.sqlite")
    click.echo(f"{folder}: {sum(1 for _ in folder.iterdir())} files")


@keys.command()
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))
def restore(folder: Path) -> None:
    """Put a copy of the keys in their place, which must hold none."""
    target = common.settings().keys_folder
    if [*target.glob("*.key"), *target.glob("keyring.sqlite*")]:
        raise InputError("holds keys already", file=str(target))
    copied = [*folder.glob("*.key"), *folder.glob("keyring.sqlite"), *folder.glob("heads.json")]
    if not copied:
        raise InputError("holds no keys", file=str(folder))
    target.mkdir(parents=True, exist_ok=True, mode=0o700)
    for path in sorted(copied):
        shutil.copy2(path, target / path.name)
        (target / path.name).chmod(0o600)
    if (target / "keyring.sqlite").exists():
        SqliteDatabase(target / "keyring.sqlite", KEYRING).close()
    click.echo(f"{target}: the keys are back")
