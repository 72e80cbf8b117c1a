"""``qorgau webhooks list|secret|test|again``."""

from __future__ import annotations

import base64
import secrets

import click
import orjson

from engine.kernel.errors import InputError, QorgauError
from engine.kernel.timestamps import NotAnInstant, iso, parse_rfc3339
from infra.app.container import Container
from infra.cli import common
from infra.outbound.orders import HttpPost
from infra.outbound.webhooks import WebhookMessages
from infra.processes.webhooks import KIND
from infra.read.rows import effects
from infra.settings.webhooks import PREFIX, WebhookSettings
from infra.store.models import outbox


class NotTaken(QorgauError):
    """The receiver did not take the message."""

    code = "webhook.not-taken"


@click.group()
def webhooks() -> None:
    """Messages to other systems about incidents, clocks, notices and orders."""


@webhooks.command("list")
@common.as_json
def list_webhooks(as_json: bool) -> None:
    """List the receivers with what was taken, what waits, and the last answer."""
    with common.reading() as container:
        rows = [_row(container, name, it) for name, it in container.settings.webhooks.items()]
    common.show(rows, ("webhook", "url", "events", "taken", "waiting", "refused", "last_answer"), as_json)


def _row(container: Container, name: str, it: WebhookSettings) -> dict[str, object]:
    prefix = f"{KIND}:{name}:"
    counts, last = effects.by_state(container.database, prefix), effects.last_answer(container.database, prefix)
    return {
        "webhook": name, "url": it.url, "events": ", ".join(it.events), "taken": counts.get("done", 0),
        "waiting": counts.get("waiting", 0), "refused": counts.get("refused", 0), "last_answer": last,
    }  # fmt: skip


@webhooks.command()
def secret() -> None:
    """Make a new secret for the settings of a webhook and of its receiver."""
    click.echo(PREFIX + base64.b64encode(secrets.token_bytes(32)).decode())


@webhooks.command()
@click.argument("name")
def test(name: str) -> None:
    """Send one signed message of the type qorgau.test now; says what the receiver answered."""
    with common.container() as container:
        receiver, now = _receiver(container, name), container.clock.now()
        messages = WebhookMessages(container.clock, container.settings.webhooks, HttpPost(container.clock))
        body = {"type": "qorgau.test", "timestamp": iso(now), "data": {}}
        key = f"{KIND}-test:{name}:{secrets.token_hex(8)}"
        delivery = messages.send(name, receiver, key, orjson.dumps(body))
    if delivery.outcome != "done":
        raise NotTaken(f"{name} did not take it: {delivery.detail}")
    click.echo(f"{name} took it: {delivery.reference}")


@webhooks.command()
@click.argument("name")
@click.option("--since", help="Only messages ordered since then (RFC 3339).")
@click.option("--refused", is_flag=True, help="Only those that were refused or given up.")
def again(name: str, since: str | None, refused: bool) -> None:
    """Send messages again, for a receiver that lost them. Each keeps its id, so that repeats can be told."""
    try:
        start = iso(parse_rfc3339(since)) if since else ""
    except NotAnInstant:
        raise InputError(
            "an instant with its offset is needed, such as 2026-11-23T10:00:00+05:00", field="--since"
        ) from None
    states = ("refused",) if refused else ("done", "refused")
    with common.container() as container:
        _receiver(container, name)
        keys = effects.keys_since(container.database, f"{KIND}:{name}:", start, states)
        with container.database.write() as cursor:
            outbox.send_again(cursor, keys, container.clock.now())
    click.echo(f"{len(keys)} messages to {name} will be sent again by the worker")


def _receiver(container: Container, name: str) -> WebhookSettings:
    found = container.settings.webhooks.get(name)
    if found is None:
        known = ", ".join(container.settings.webhooks) or "none"
        raise InputError(f"there is no webhook '{name}'; known: {known}", field="NAME")
    return found
