"""What the commands share: the house over the data directory, output as table or JSON, bounded file reading."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from engine.kernel.errors import InputError
from infra.app.container import Container, open_container
from infra.settings.settings import Settings, load_settings
from infra.store.opening import is_current

as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@contextmanager
def container(**overrides: Any) -> Iterator[Container]:
    """Open the data directory of the settings and close it again."""
    opened = open_container(one_organisation(load_settings(**overrides)))
    try:
        yield opened
    finally:
        opened.close()


@contextmanager
def reading() -> Iterator[Container]:
    """Open the data directory for a command that only reads: a copy that nobody may write can be asked too."""
    found = one_organisation(load_settings())
    opened = open_container(found, read_only=is_current(found))
    try:
        yield opened
    finally:
        opened.close()


def settings() -> Settings:
    """Read the settings alone."""
    return one_organisation(load_settings())


def one_organisation(found: Settings) -> Settings:
    """Demand that one organisation is meant, where the installation has several."""
    if found.organisations and not found.organisation:
        known = ", ".join(sorted(found.organisations))
        raise InputError(f"name the organisation: QORGAU_ORGANISATION is one of {known}", field="QORGAU_ORGANISATION")
    return found


def show(rows: Sequence[dict[str, Any]], columns: Sequence[str], json_wanted: bool) -> None:
    """Print rows as a table or as one JSON array."""
    if json_wanted:
        click.echo(json.dumps(list(rows), ensure_ascii=False, default=str))
        return
    widths = [max([len(name), *(len(_cell(row.get(name))) for row in rows)]) for name in columns]
    click.echo("  ".join(name.ljust(width) for name, width in zip(columns, widths, strict=True)).rstrip())
    for row in rows:
        cells = (_cell(row.get(name)).ljust(width) for name, width in zip(columns, widths, strict=True))
        click.echo("  ".join(cells).rstrip())


def _cell(value: Any) -> str:
    text = "-" if value is None else str(value)
    return "".join(ch if ch.isprintable() else "?" for ch in text)[:80]


def read_text(path: Path, limit: int = 4 * 1024 * 1024) -> str:
    """Read a text file; raises InputError naming it."""
    try:
        if path.stat().st_size > limit:
            raise InputError(f"larger than {limit} bytes", file=str(path))
        return path.read_text(encoding="utf8")
    except UnicodeDecodeError:
        raise InputError("not UTF-8", file=str(path)) from None
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", file=str(path)) from None
