"""``qorgau serve`` and ``qorgau catch-up``."""

from __future__ import annotations

import logging
import socket
from types import FrameType

import click
import uvicorn

from engine.errors import InputError
from infra.bootstrap import House, open_house, stages_of
from infra.demo import Demo
from infra.memory import tune
from infra.settings import Settings, load_settings
from infra.web.app import create_app
from infra.worker import Worker, WorkerLock, drain

PARTS = ("api", "worker", "scheduler")


@click.command()
@click.option("--demo", is_flag=True, help="Seed accounts and play a labelled feed.")
@click.option("--only", type=click.Choice(PARTS), help="Run one part: the console and API, or the worker.")
@click.option("--host", help="Address to listen on (default 127.0.0.1).")
@click.option("--port", type=int, help="Port to listen on (default 8080).")
def serve(demo: bool, only: str | None, host: str | None, port: int | None) -> None:
    """Run the console, the API and the worker."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("apscheduler").setLevel(logging.WARNING)
    logging.getLogger("httpx").setLevel(logging.WARNING)
    settings = load_settings(host=host, port=port)
    if demo and settings.host not in ("127.0.0.1", "localhost", "::1"):
        raise InputError("the demonstration has known passwords and listens on this machine only", field="--host")
    helper = Demo() if demo else None
    if helper is not None:
        settings = helper.receive_orders(settings)
    _run(settings, only, helper)


def _run(settings: Settings, only: str | None, demo: Demo | None) -> None:
    lock = WorkerLock(settings.data)
    works = only in (None, "worker", "scheduler")
    if works:
        lock.take()
    house = open_house(settings)
    house.start_readers(settings.readers)
    worker = Worker(house) if works else None
    tune()
    if worker is not None:
        house.intake.on_commit = house.decisions.on_commit = worker.wake
        worker.start()
    try:
        if only in (None, "api"):
            _serve(house, demo)
        elif worker is not None:
            click.echo(f"qorgau works on {settings.data}; stop with Ctrl-C")
            worker.join()
    finally:
        if worker is not None:
            worker.stop()
        house.close()
        lock.release()


class _Server(uvicorn.Server):
    """Ends the open event streams first, so that stopping does not wait for them."""

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Say that we are stopping, then stop."""
        self.config.app.state.stopping = True  # type: ignore[union-attr]
        super().handle_exit(sig, frame)


def _serve(house: House, demo: Demo | None) -> None:
    settings = house.settings
    accounts = demo.seed(house) if demo is not None else None
    app = create_app(house, demo=accounts)
    listener = _listen(settings)
    address = f"http://{settings.host}:{listener.getsockname()[1]}"
    house.intake.start()
    config = uvicorn.Config(
        app, log_level="warning", access_log=False, timeout_graceful_shutdown=5, server_header=False
    )
    if not house.accounts.people():
        click.echo("There is no account yet. Make one with: qorgau users add NAME --role soc_analyst")
    click.echo(f"Qorgau is ready at {address}   (data in {settings.data}; stop with Ctrl-C)")
    if demo is not None:
        demo.play(house, address)
    try:
        _Server(config).run(sockets=[listener])
    finally:
        if demo is not None:
            demo.stop()
        house.intake.stop()


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
    settings = load_settings()
    lock = WorkerLock(settings.data)
    lock.take()
    house = open_house(settings)
    try:
        house.intake.recover()
        house.sweep.run()
        drain(stages_of(house))
        click.echo(f"events {house.ledger.head()}, decisions {house.decisions.head()}")
    finally:
        house.close()
        lock.release()
