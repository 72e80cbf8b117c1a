"""Notices to many from the command line: the clients of a text, another try at them, reports of the gateway."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import get_args

import click

from engine.kernel.checked import checked
from engine.kernel.errors import InputError
from engine.notices.commands import ResendFailures
from engine.notices.delivering import FAILED
from engine.notices.facts import DeliveryState
from infra.cli import common
from infra.cli.acting import person, who, why
from infra.inbound.gateway_statuses import gateway_person, read_statuses
from infra.read.finders import load_notice
from infra.read.notices.client_fates import fates_as_csv


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
def list_clients(notice_id: str, state: str) -> None:
    """Write the clients of an approved text with what became of each, as CSV on stdout."""
    with common.container() as container:
        for part in fates_as_csv(container.database, load_notice(container, notice_id).id, state):
            sys.stdout.buffer.write(part)


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
