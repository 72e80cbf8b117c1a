"""``qorgau watchdog``."""

from __future__ import annotations

import threading
from importlib import resources
from pathlib import Path

import click

from engine.permissions import Role
from infra.app.time_source import SystemClock
from infra.cli import common
from infra.settings.settings import Settings
from infra.watchdog.program import (
    Facts,
    PostgresFacts,
    SqliteFacts,
    Watchdog,
    by_mail,
    by_spool,
    by_webhook,
)
from infra.watchdog.terms import Line


@click.command()
@click.option("--once", is_flag=True, help="Look once; exit status 1 when a term passed unsaid.")
@click.option("--every", type=click.IntRange(1), default=60, show_default=True, help="Seconds between two looks.")
@click.option("--grace", type=click.IntRange(0), default=60, show_default=True, help="Seconds the engine may take.")
@click.option("--webhook", help="Address that also gets each alarm as a POST.")
@click.option("--folder", type=click.Path(path_type=Path), help="Where alarms are kept (default: DATA/watchdog).")
def watchdog(once: bool, every: int, grace: int, webhook: str | None, folder: Path | None) -> None:
    """Watch the engine's clocks from outside, with another calendar and another arithmetic.

    Run it as another service, best on another machine that can read the store. It only reads; when a term passes and
    the engine has not said so, it tells people itself.
    """
    dog = watchdog_of(common.settings(), folder, grace, webhook)
    cries = dog.look()
    for cry in cries:
        click.echo(f"{cry['subject']}: {cry['detail']}")
    if once:
        owed = sum(it.owed for it in dog.clocks.held.values())
        click.echo(f"{owed} clocks are owed; {len(cries)} new alarms")
        raise SystemExit(1 if cries else 0)
    stop = threading.Event()
    while not stop.wait(every):
        for cry in dog.look():
            click.echo(f"{cry['subject']}: {cry['detail']}")


def _shipped() -> str:
    """The override file that ships with the product, read as a file: no code of the engine's calendar."""
    return (resources.files("engine") / "data" / "kz" / "calendar_overrides.yml").read_text(encoding="utf8")


def watchdog_of(settings: Settings, folder: Path | None, grace: int, webhook: str | None) -> Watchdog:
    """Build the watchdog of the settings."""
    facts: Facts = (
        PostgresFacts(settings.database) if settings.database else SqliteFacts(settings.data / "qorgau.sqlite")
    )
    path = settings.calendar_overrides
    overrides = path.read_text(encoding="utf8") if path is not None else _shipped()
    line = Line(overrides, settings.time_zone, settings.opens, settings.closes)
    to = settings.role_mail.get(Role.CISO, settings.alert_mail)
    ways = [by_spool(settings.data / "spool", settings.mail_from, to)]
    if settings.smtp_host:
        ways = [
            by_mail(
                settings.smtp_host, settings.smtp_port, settings.smtp_tls, settings.smtp_user, settings.smtp_password,
                settings.mail_from, to,
            )
        ]  # fmt: skip
    if webhook:
        ways.append(by_webhook(webhook))
    return Watchdog(facts, line, SystemClock(), folder or settings.data / "watchdog", grace, ways)
