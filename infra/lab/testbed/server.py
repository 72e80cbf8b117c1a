"""What the servers of the test bed share: a process in a directory of its own, on a free port of this machine."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Sequence
from pathlib import Path

START_S = 120.0
STOP_S = 30.0


class NoServer(Exception):
    """The server's programs are not on this machine and cannot be had."""


def free_port() -> int:
    """Find a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def listens(port: int) -> bool:
    """Say whether somebody listens on a port of this machine."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


class Server:
    """One server process; ``start``, ``stop`` and ``kill`` it as often as needed. Its port stays the same."""

    name = "server"

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = 0
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The process, 0 when it does not run."""
        return self._process.pid if self._process is not None else 0

    def command(self) -> Sequence[str]:
        """Return the command that starts it; directories and settings are made here."""
        raise NotImplementedError

    def ready(self) -> bool:
        """Say whether it answers."""
        return listens(self.port)

    def start(self) -> None:
        """Start it and wait until it answers. Raise RuntimeError with the end of its log."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.port = self.port or free_port()
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own words
                list(self.command()), stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True
            )
        pause, ends = threading.Event(), time.monotonic() + START_S
        while not self.ready():
            if self._process.poll() is not None or time.monotonic() > ends:
                self.kill()
                raise RuntimeError(f"{self.name} did not start: {self.tail()}")
            pause.wait(0.2)

    def tail(self) -> str:
        """Return the end of its log."""
        return (self.folder / "log").read_bytes()[-1500:].decode("utf8", "replace")

    def stop(self) -> None:
        """Stop it in order."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """``kill -9``, as an out-of-memory killer would."""
        self._end(signal.SIGKILL)

    def _end(self, how: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        if process.poll() is None:
            os.kill(process.pid, how)
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
