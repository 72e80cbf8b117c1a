"""Commands that read what is somebody's: with ``--as`` and ``--reason`` they decrypt; either way it is on record.

Without a person they go on working: what is personal is masked, stderr says so, and the record names the command line.
A copy that may not be written is read without a record, and stderr says that too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, TypeVar

import click
import orjson

from engine.events.catalogue import Catalogue
from engine.events.envelope import SecurityEvent
from engine.kernel.errors import InputError
from engine.kernel.facts import Person
from engine.permissions import require_reading
from infra.app.container import Container
from infra.cli import acting, common
from infra.read.people.looking import Looking, look
from infra.read.people.recording import access_of, must_record
from infra.store.sql import sqlite

NOBODY = "command line"
"""Who reads, as the record says, where nobody named himself."""
MASKED = "(personal)"
F = TypeVar("F", bound=Callable[..., Any])


def by_somebody(command: F) -> F:
    """Let a command take ``--as`` and ``--reason``: the parameters ``user`` and ``reason``."""
    why = click.option("--reason", default="", help="Why you read it, for the access log; with --as.")
    who = click.option("--as", "user", default="", help="Your account, to see what is personal; the password is asked.")
    return who(why(command))


@contextmanager
def reading(user: str, reason: str, what: str, needs: str = "incidents") -> Iterator[tuple[Container, Looking]]:
    """Open the data directory for somebody who reads, and record what he was shown.

    ``needs`` names the subject in the table of reading. Raise InputError without a reason, NotAllowed.
    """
    if user and not reason.strip():
        raise InputError("say why you read it", field="--reason")
    it = Looking()
    it.way, it.route, it.reason = "cli", what, reason
    with ExitStack() as stack:
        container = stack.enter_context(common.container() if user else common.reading())
        if user:
            it.by(acting.person(container, user))
            assert it.person is not None
            require_reading(needs, it.person)
        else:
            it.person = Person(id=NOBODY)
        stack.enter_context(look(it))
        yield container, it
        record(container, it)


def record(container: Container, it: Looking) -> None:
    """Record what was shown, where something was; before much of many is given out. Raise NotRecorded."""
    if not must_record(it):
        return
    log = container.store.access
    if (
        it.person is not None
        and it.person.id == NOBODY
        and not sqlite.may_write(log.path if log.path.exists() else log.path.parent)
    ):
        click.echo("qorgau: this copy may not be written: that it was read is not on record", err=True)
        return
    log.write(access_of(log, it, container.clock.now()))
    it.recorded = True


def say_masked() -> None:
    """Say on stderr that something is masked, and how to see it."""
    click.echo("qorgau: personal fields are masked; --as ACCOUNT and --reason show them, and leave a record", err=True)


def masked(event: SecurityEvent, catalogue: Catalogue) -> bytes:
    """Return an event as it came with its personal fields masked; one that is no JSON as its fields."""
    try:
        held = orjson.loads(event.raw)
    except orjson.JSONDecodeError:
        held = None
    if not isinstance(held, dict):
        held = {"id": event.event_id, "@timestamp": event.at.isoformat(), **event.fields}
    return orjson.dumps(_covered(held, "", catalogue))


def _covered(held: Any, name: str, catalogue: Catalogue) -> Any:
    if name and not isinstance(held, dict) and catalogue.may_be_personal(name):
        return MASKED
    if isinstance(held, dict):
        return {key: _covered(value, f"{name}.{key}" if name else key, catalogue) for key, value in held.items()}
    return held
