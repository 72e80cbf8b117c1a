"""``qorgau bench reads``: what the access log adds to a page, against the same pages without it in the same run."""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import click

from engine.incidents.casework import CHANNELS
from engine.incidents.commands import ReportIncident
from engine.kernel.facts import Person
from engine.permissions import Role
from infra.app.container import Container, open_container
from infra.settings.settings import load_settings
from infra.store.reads.access_log import Access, AccessLog
from infra.web import context

WORD = "umbrella over seven mountains"
CLIENTS = 50


@click.command("reads")
@click.option("--pages", type=click.IntRange(20), default=300, show_default=True, help="Pages of each kind, each way.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def reads(pages: int, as_json: bool) -> None:
    """Measure pages with and without their record, by turns, and a durable append of a file beside them."""
    figures = measure(pages)
    if as_json:
        click.echo(json.dumps(figures))
        return
    for name, value in figures.items():
        click.echo(f"{name:28} {value:,.3f}" if isinstance(value, float) else f"{name:28} {value}")


def measure(pages: int) -> dict[str, Any]:
    """Return milliseconds: 95th percentiles of a page with its record and without, what is added, and of an fsync."""
    from starlette.testclient import TestClient

    from infra.web.app import create_app

    with tempfile.TemporaryDirectory() as name:
        container = open_container(load_settings(data=Path(name)))
        try:
            with TestClient(create_app(container), base_url="http://localhost") as client:
                paths, cookie = _fill(container)
                figures = _by_turns(client, container.store.access, paths, cookie, pages)
        finally:
            container.close()
        floor = [_ms(lambda: _append(Path(name) / "floor")) for _ in range(pages)]
    return {**figures, "fsync_p95_ms": _p95(floor)}


def _fill(container: Container) -> tuple[list[str], dict[str, str]]:
    container.accounts.add("reader", "Reader", (Role.COMPLIANCE_OFFICER.value,), WORD, actor="bench")
    by = Person(id="reader", roles=frozenset({Role.COMPLIANCE_OFFICER.value}))
    told = ReportIncident(
        title="a bench", incident_class="fraud", severity="high", channel=CHANNELS[0], told_at=container.clock.now(),
        clients=tuple(f"c-{number}" for number in range(CLIENTS)),
    )  # fmt: skip
    key = container.dispatch(told, by=by).id
    token = container.accounts.sign_in("reader", WORD) or ""
    return [f"/incidents/{key}", "/", f"/api/v1/incidents/{key}"], {"Cookie": f"{context.COOKIE}={token}"}


def _by_turns(client: Any, log: AccessLog, paths: list[str], cookie: dict[str, str], pages: int) -> dict[str, Any]:
    took: dict[bool, list[float]] = {True: [], False: []}
    for path in paths:
        client.get(path, headers=cookie)  # templates are compiled, the first pages of the store are read
    for number in range(pages * len(paths)):
        path = paths[number % len(paths)]
        for on in (number % 2 == 0, number % 2 == 1):
            if not on:
                vars(log)["write"] = _without
            took[on].append(_ms(partial(_ask, client, path, cookie)))
            vars(log).pop("write", None)
    with_it, without = _p95(took[True]), _p95(took[False])
    return {
        "pages": len(took[True]), "p95_ms": with_it, "floor_p95_ms": without, "added_p95_ms": with_it - without,
        "added_median_ms": median(took[True]) - median(took[False]),
    }  # fmt: skip


def _without(access: Access) -> int:
    return 0


def _ask(client: Any, path: str, cookie: dict[str, str]) -> None:
    _good(client.get(path, headers=cookie).status_code)


def _good(status: int) -> None:
    if status != 200:
        raise SystemExit(f"a page answered {status}")


def _append(path: Path) -> None:
    with path.open("ab") as file:
        file.write(bytes(4096))
        file.flush()
        os.fsync(file.fileno())


def _ms(act: Callable[[], object]) -> float:
    begin = time.perf_counter()
    act()
    return (time.perf_counter() - begin) * 1000


def _p95(values: list[float]) -> float:
    return sorted(values)[int(len(values) * 0.95)]
