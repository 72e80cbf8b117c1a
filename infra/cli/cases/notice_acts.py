"""Notices to many from the command line: the clients of a text, another try at them, reports of the gateway."""

from __future__ import annotations

import base64
import sys
from pathlib import Path
from typing import get_args

import click

from engine.kernel.checked import checked
from engine.kernel.errors import InputError
from engine.kernel.facts import Person
from engine.notices.commands import ApproveNotice, ResendFailures
from engine.notices.delivering import FAILED
from engine.notices.facts import DeliveryState
from infra.cli import common
from infra.cli import reading as reader
from infra.cli.acting import person, who, why
from infra.commands.signing import notice_bytes, sealed
from infra.inbound.gateway_statuses import gateway_person, read_statuses
from infra.read.finders import load_notice
from infra.read.notices.client_fates import fates_as_csv

COMMAND_LINE = "command line"


@click.command("gateway-in")
@click.argument("files", nargs=-1, type=click.Path(path_type=Path, allow_dash=True), required=True)
def gateway_in(files: tuple[Path, ...]) -> None:
    """Take reports of the gateway for clients (docs/gateway.md), where it hands them over as files; - is stdin."""
    with common.container() as container:
        by = gateway_person(container.settings.client_gateway_source)
        for file in files:
            data = sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
            try:
                command = read_statuses(data)
            except InputError as error:
                raise InputError(error.message, file=str(file)) from None
            fates = container.dispatch(command, by=by).fates
            for said, fate in zip(command.statuses, fates, strict=True):
                click.echo(f"{said.id} {said.status} {fate}")
            for text in command.unreadable:
                click.echo(f"{file}: {text}", err=True)


@click.command("clients")
@click.argument("notice_id")
@click.option("--state", type=click.Choice(["", *get_args(DeliveryState)]), default="", help="Only those in one state.")
@reader.by_somebody
def list_clients(user: str, reason: str, notice_id: str, state: str) -> None:
    """Write the clients of an approved text with what became of each, as CSV on stdout."""
    with reader.reading(user, reason, "notices clients", "client-lists") as (container, _):
        for part in fates_as_csv(container.database, load_notice(container, notice_id).id, state):
            sys.stdout.buffer.write(part)


_OUT = click.option(
    "--out", type=click.Path(path_type=Path, allow_dash=True), required=True, help="File, or - for stdout."
)


@click.command("to-sign")
@click.argument("notice_id")
@_OUT
def to_sign(notice_id: str, out: Path) -> None:
    """Write the bytes that the approver of a notice signs (docs/signing.md), of an approved one those that were."""
    with common.container() as container:
        found = notice_bytes(container.dispatcher.desk, load_notice(container, notice_id).id, Person(id=COMMAND_LINE))
    _write(out, found)


@click.command("seal")
@click.argument("notice_id")
@who
@_OUT
def seal(notice_id: str, user: str, out: Path) -> None:
    """Write the organisation's seal over an approved notice: a detached CMS, made and verified by NCANode."""
    with common.container() as container:
        by = person(container, user)
        found = sealed(container.dispatcher.desk, load_notice(container, notice_id).id, by)
    _write(out, found)


@click.command("approve")
@click.argument("notice_id")
@click.option("--signature", type=click.Path(path_type=Path), help="Your detached CMS over the bytes to sign.")
@who
def approve(notice_id: str, signature: Path | None, user: str) -> None:
    """Approve a notice for sending, with a digital signature where the house asks for one (docs/signing.md)."""
    try:
        cms = base64.b64encode(signature.read_bytes()).decode() if signature is not None else ""
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", file=str(signature)) from None
    with common.container() as container:
        by = person(container, user)
        command = checked(ApproveNotice, notice_id=load_notice(container, notice_id).id, signature=cms)
        missing = container.dispatch(command, by=by).missing
    for name in missing:
        click.echo(f"it does not go out by itself: QORGAU_{name.upper()} is not set", err=True)


def _write(out: Path, data: bytes) -> None:
    if str(out) == "-":
        sys.stdout.buffer.write(data)
    else:
        out.write_bytes(data)


@click.command("resend-failures")
@click.argument("notice_id")
@click.option("--state", type=click.Choice(FAILED), default="refused", show_default=True)
@who
@why
def resend_failures(notice_id: str, state: str, user: str, reason: str) -> None:
    """Order another try at every client of an approved text at whom it failed."""
    with common.container() as container:
        command = checked(ResendFailures, notice_id=load_notice(container, notice_id).id, state=state, reason=reason)
        container.dispatch(command, by=person(container, user))
