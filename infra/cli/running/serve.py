"""``qorgau serve`` and ``qorgau catch-up``."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from contextlib import ExitStack
from importlib import import_module
from types import FrameType
from typing import Protocol

import click
import uvicorn
from fastapi import FastAPI

from engine.kernel.errors import InputError
from engine.permissions import Role
from infra.app.container import Container, open_container, stages_of
from infra.app.leader import LeaderElection, LeaderLock, sole_worker
from infra.app.worker import Worker, WorkerLock, drain
from infra.cli import common
from infra.commands import demonstration
from infra.observe.gc_tuning import serve_people, tune
from infra.observe.logs import configure
from infra.settings.settings import Settings, load_settings
from infra.store.sql.postgres import PostgresDatabase
from infra.web.app import create_app
from infra.web.doors import MOST_CONNECTIONS, InTime
from infra.web.organisations import ByHost

PARTS = ("api", "worker", "scheduler")
DEMONSTRATION = "infra.lab.demo"
"""The module with the demonstration; it belongs to the lab, so it is only loaded where it is asked for."""


class Demonstration(Protocol):
    """Seeds accounts and plays a labelled feed into a running product."""

    def receive_orders(self, settings: Settings) -> Settings:
        """Start a receiver of orders; return the settings that name it."""
        ...

    def seed(self, container: Container) -> dict[str, str]:
        """Add accounts; return name → what the sign-in page says of it."""
        ...

    def play(self, container: Container, address: str) -> None:
        """Start the feed into the API at ``address``."""
        ...

    def stop(self) -> None:
        """End feed and receiver."""
        ...


@click.command()
@click.option("--demo", is_flag=True, help="Seed accounts and play a labelled feed.")
@click.option("--only", type=click.Choice(PARTS), help="Run one part: the console and API, or the worker.")
@click.option("--host", help="Address to listen on (default 127.0.0.1).")
@click.option("--port", type=int, help="Port to listen on (default 8080).")
def serve(demo: bool, only: str | None, host: str | None, port: int | None) -> None:
    """Run the console, the API and the worker."""
    settings = load_settings(host=host, port=port)
    configure(settings.log_format)
    if demo and settings.host not in ("127.0.0.1", "localhost", "::1"):
        raise InputError("the demonstration has known passwords and listens on this machine only", field="--host")
    if settings.organisations and not settings.organisation:
        if demo:
            raise InputError(
                "the demonstration is of one organisation; name it with QORGAU_ORGANISATION", field="--demo"
            )
        _run_all(settings, only)
        return
    helper: Demonstration | None = import_module(DEMONSTRATION).Demo() if demo else None
    if helper is not None:
        settings = helper.receive_orders(settings)
    _run(settings, only, helper)


def _run(settings: Settings, only: str | None, demo: Demonstration | None) -> None:
    with _Running(settings, only, demo=demo is not None) as it:
        if only in (None, "api"):
            serve_people()
            _serve(it.container, demo)
        elif it.works:
            click.echo(f"qorgau works on {settings.data}; stop with Ctrl-C")
            it.join()


def _run_all(settings: Settings, only: str | None) -> None:
    """Run every organisation of the installation, each over its own directory."""
    with ExitStack() as stack:
        running = {
            slug: stack.enter_context(_Running(settings.of_organisation(slug), only)) for slug in settings.organisations
        }
        if only not in (None, "api"):
            click.echo(f"qorgau works for {', '.join(running)}; stop with Ctrl-C")
            for it in running.values():
                it.join()
            return
        apps = {
            host: create_app(it.container)
            for slug, it in running.items()
            for host in _hosts(slug, it.container.settings)
        }
        serve_people()
        for it in running.values():
            it.container.intake.start()
            stack.callback(it.container.intake.stop)
        listener = _listen(settings)
        address = f"{settings.host}:{listener.getsockname()[1]}"
        click.echo(f"Qorgau is ready at {address} for the hosts {', '.join(apps)}; stop with Ctrl-C")
        _Server(_config(ByHost(apps)), list(apps.values())).run(sockets=[listener])


def _hosts(slug: str, settings: Settings) -> tuple[str, ...]:
    """The names an organisation answers to; without a setting its own under localhost."""
    return settings.hosts or (f"{slug}.localhost",)


class _Running:
    """One organisation at work: its house, and its worker.

    On SQLite the worker holds a lock on the directory. On PostgreSQL several processes may stand for the work; the one
    elected does it.
    """

    def __init__(self, settings: Settings, only: str | None, *, demo: bool = False) -> None:
        self.works = only in (None, "worker", "scheduler")
        self.lock = WorkerLock(settings.data)
        self.candidate: LeaderElection | None = None
        self.worker: Worker | None = None
        if self.works and settings.database is None:
            self.lock.take()
        self.container = open_container(settings)
        if not demo:
            self._refuse_demonstration()
        database = self.container.database
        if self.works and isinstance(database, PostgresDatabase):
            self.candidate = LeaderElection(self.container, LeaderLock(database), self._changed)
        elif self.works:
            self.worker = Worker(self.container)

    def _refuse_demonstration(self) -> None:
        """Refuse to work with accounts whose password everybody knows."""
        known = demonstration.left(self.container.accounts)
        if known:
            self.container.close()
            self.lock.release()
            raise InputError(
                f"accounts of the demonstration are in this data ({', '.join(known)}), and everybody knows their "
                "password; close them with 'qorgau users remove-demo', or set QORGAU_DATA to another directory",
                field="QORGAU_DATA",
            )

    def __enter__(self) -> _Running:
        self.container.start_readers(self.container.settings.readers)
        tune()
        if self.worker is not None:
            self._changed(self.worker)
            self.worker.start()
        if self.candidate is not None:
            self.candidate.start()
        return self

    def _changed(self, worker: Worker | None) -> None:
        wake = worker.wake if worker is not None else _nobody
        self.container.intake.on_commit = self.container.decisions.on_commit = wake

    def join(self) -> None:
        """Wait until the work ends."""
        if self.worker is not None:
            self.worker.join()
        if self.candidate is not None:
            while self.candidate.is_alive():
                self.candidate.join(timeout=0.5)

    def __exit__(self, *error: object) -> None:
        if self.candidate is not None:
            self.candidate.stopping.set()
            self.candidate.join(timeout=60)
        if self.worker is not None:
            self.worker.stop()
        self.container.close()
        self.lock.release()


def _nobody() -> None:
    """There is no worker in this process to wake."""


class _Server(uvicorn.Server):
    """Ends the open event streams first, so that stopping does not wait for them."""

    def __init__(self, config: uvicorn.Config, apps: Sequence[FastAPI]) -> None:
        super().__init__(config)
        self.apps = apps

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Say that we are stopping, then stop."""
        for app in self.apps:
            app.state.stopping = True
        super().handle_exit(sig, frame)


def _serve(container: Container, demo: Demonstration | None) -> None:
    settings = container.settings
    accounts = demo.seed(container) if demo is not None else None
    app = create_app(container, demo=accounts)
    listener = _listen(settings)
    address = f"http://{settings.host}:{listener.getsockname()[1]}"
    container.intake.start()
    if not container.accounts.people():
        click.echo(f"There is no account yet. Make one with: qorgau users add NAME --role {Role.SOC_ANALYST}")
    click.echo(f"Qorgau is ready at {address}   (data in {settings.data}; stop with Ctrl-C)")
    if demo is not None:
        demo.play(container, address)
    try:
        _Server(_config(app), [app]).run(sockets=[listener])
    finally:
        if demo is not None:
            demo.stop()
        container.intake.stop()


def _config(app: FastAPI | ByHost) -> uvicorn.Config:
    return uvicorn.Config(
        app, log_level="warning", access_log=False, timeout_graceful_shutdown=5, server_header=False, http=InTime,
        limit_concurrency=MOST_CONNECTIONS,
    )  # fmt: skip


def _listen(settings: Settings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((settings.host, settings.port))
    except OSError as error:
        raise InputError(
            f"cannot listen on {settings.host}:{settings.port}: {error.strerror}; set QORGAU_PORT", field="port"
        ) from None
    listener.listen(256)
    listener.set_inheritable(True)
    return listener


@click.command("catch-up")
def catch_up() -> None:
    """Run every stage until nothing is left to do, then end (no server needed)."""
    with common.container() as container, sole_worker(container):
        container.intake.recover()
        container.sweep.run()
        drain(stages_of(container))
        click.echo(f"events {container.ledger.head()}, decisions {container.decisions.head()}")
