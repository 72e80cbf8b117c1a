"""``qorgau evidence``."""

from __future__ import annotations

from pathlib import Path

import click

from infra.cli import reading as reader
from infra.read.evidence import Bundle
from infra.read.finders import load_incident
from reports.evidence.verify import Refused
from reports.evidence.verify import verify as verify_bundle
from reports.messages import LANGUAGES


@click.group()
def evidence() -> None:
    """Evidence bundles: everything about an incident, proven and signed."""


@evidence.command()
@click.argument("number")
@click.option("--output", type=click.Path(path_type=Path), help="File to write (default: NUMBER.zip).")
@click.option("--personal", is_flag=True, help="Also show personal fields, in a file of their own.")
@click.option("--language", type=click.Choice(LANGUAGES), help="Of its pages (default: the setting LANGUAGE).")
@reader.by_somebody
def bundle(
    user: str, reason: str, number: str, output: Path | None, personal: bool, language: str | None
) -> None:  # fmt: skip
    """Write the evidence bundle of an incident, by number or id. Personal fields only with --as and --reason."""
    with reader.reading(user, reason, "evidence bundle", "evidence-bundle") as (container, it):
        incident = load_incident(container, number)
        if personal and not user:
            reader.say_masked()
        reader.record(container, it)
        made = Bundle(container, incident, personal=personal and bool(user), language=language)
        path = output or Path(f"{incident.number}.zip")
        with path.open("wb") as file:
            made.write(file, container.clock.now(), user or reader.NOBODY)
        key = container.store.signer.verifier.text()
    click.echo(f"{path}: {path.stat().st_size} bytes\ncheck it with: qorgau evidence verify {path} --key '{key}'")


@evidence.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--key", help="Public key of the log ('qorgau keys show'); without it, the one named in the bundle.")
def verify(file: Path, key: str | None) -> None:
    """Check a bundle; needs no data directory, and 'python3 verify.py' does the same without this product.

    Exit status 1 when anything was altered, with what.
    """
    try:
        click.echo(verify_bundle(str(file), key))
    except Refused as error:
        click.echo(f"{file}: {error}", err=True)
        raise SystemExit(1) from None
