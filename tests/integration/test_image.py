"""The file tree of the image, made as the Dockerfile makes it, and each service's command as a user without rights.

Servers of others are not there: the store is in a file, and the stream says that no broker answers.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import sysconfig
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import yaml

from engine.proofs.notes import Signer
from infra.lab.testbed.server import free_port, listens
from tests.certificates import certificate

ROOT = Path(__file__).parents[2]
SERVICES = yaml.safe_load((ROOT / "infra" / "deploy" / "compose.yaml").read_text(encoding="utf8"))["services"]
PACKAGES = ("engine", "rules", "playbooks", "reports", "infra")
PYTHONS = (sys.executable, f"/usr/bin/python3.{sys.version_info.minor}")
USER = 10001
LIMIT_S = 90.0


def until(what: Callable[[], bool]) -> None:
    """Wait for another process; the limit only ends a test that failed."""
    pause, ends = threading.Event(), time.monotonic() + LIMIT_S
    while not what():
        assert time.monotonic() < ends, "it did not come about in time"
        pause.wait(0.2)


class Image:
    """What a container of ours sees: the program, and folders that its user owns."""

    def __init__(self, folder: Path) -> None:
        self.program, self.home = folder / "opt", folder / "srv"
        for name in PACKAGES:
            shutil.copytree(ROOT / name, self.program / name, ignore=shutil.ignore_patterns("__pycache__", "secrets"))
        for name in ("data", "keys", "watchdog", "witness"):
            (self.home / name).mkdir(parents=True)
        packages = sysconfig.get_path("purelib")
        self.settings = {
            "PATH": os.environ["PATH"], "PYTHONPATH": f"{self.program}:{packages}", "PYTHONDONTWRITEBYTECODE": "1",
            "QORGAU_DATA": str(self.home / "data"), "QORGAU_KEYS": str(self.home / "keys"), "QORGAU_LOG_FORMAT": "ecs",
        }  # fmt: skip
        self.python = ""
        self.running: list[subprocess.Popen[bytes]] = []
        self.user: dict[str, int] = {"user": USER, "group": USER} if os.geteuid() == 0 else {}
        for path in (self.home, *self.home.iterdir()):
            path.chmod(0o700)
            if self.user:
                os.chown(path, USER, USER)

    def can_run(self, python: str) -> bool:
        """Say whether the user can run an interpreter with the installed packages."""
        try:
            words = [python, "-P", "-c", "import uvicorn, orjson, psycopg"]
            done = subprocess.run(words, env=self.settings, cwd="/", capture_output=True, check=False, **self.user)
        except OSError:
            return False
        return done.returncode == 0

    def command(self, service: str) -> list[str]:
        """Return the words of a service, with folders of this tree."""
        words = [str(word).replace("/srv/qorgau", str(self.home)) for word in SERVICES[service]["command"]]
        return [self.python, "-P", "-m", "infra", *words]

    def start(self, service: str, *more: str, **settings: str) -> Path:
        """Start a service; return its log."""
        log = self.home.parent / f"{service}.log"
        with log.open("wb") as out:
            started = subprocess.Popen(
                [*self.command(service), *more], env={**self.settings, **settings}, cwd=self.home, stdout=out,
                stderr=out, **self.user,
            )  # fmt: skip
        self.running.append(started)
        return log

    def probe(self, part: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self.python, "-P", "-m", "infra", "probe", part], env=self.settings, cwd=self.home, text=True,
            capture_output=True, check=False, **self.user,
        )  # fmt: skip

    def end(self) -> None:
        """Stop what runs, each by its id."""
        for process in self.running:
            process.terminate()
        for process in self.running:
            with suppress(subprocess.TimeoutExpired):
                process.wait(30)
            process.kill()
            process.wait()


@pytest.fixture
def image() -> Iterator[Image]:
    folder = Path(tempfile.mkdtemp(prefix="qorgau-image-", dir="/tmp"))
    folder.chmod(0o755)
    made = Image(folder)
    try:
        made.python = next((path for path in PYTHONS if made.can_run(path)), "")
        if not made.python:
            pytest.skip("a user without rights can run no interpreter of this version here")
        yield made
    finally:
        made.end()
        shutil.rmtree(folder, ignore_errors=True)


def test_every_service_starts_as_a_user_without_rights(image: Image) -> None:
    port, syslog, witness = (free_port() for _ in range(3))
    image.start("api", QORGAU_PORT=str(port))
    until(lambda: listens(port))
    image.start("worker")
    until(lambda: (image.home / "data" / "worker.lock").exists() and image.probe("worker").returncode == 0)
    assert image.probe("stream").returncode == 0
    made = certificate(image.home.parent, "syslog")
    for path in (made.certificate, made.key):
        path.chmod(0o644)
    tls = {"QORGAU_SYSLOG_CERTIFICATE": str(made.certificate), "QORGAU_SYSLOG_KEY": str(made.key)}
    image.start("syslog", QORGAU_SYSLOG_TLS=f"127.0.0.1:{syslog}", **tls)
    image.start("watchdog", "--every", "1")
    key = Signer("qorgau", b"k" * 32).verifier.text()
    words = image.command("witness")
    words[words.index("--log") + 1] = key
    log = image.home.parent / "witness.log"
    with log.open("wb") as out:
        image.running.append(
            subprocess.Popen(
                [*words, "--port", str(witness)],
                env=image.settings,
                cwd=image.home,
                stdout=out,
                stderr=out,
                **image.user,
            )
        )
    until(lambda: listens(syslog) and listens(witness))
    nobody = f"127.0.0.1:{free_port()}"
    stream = image.start("stream", "--worker", QORGAU_KAFKA=nobody, QORGAU_KAFKA_SOURCES='["portal"]')
    until(lambda: b"no broker answers" in stream.read_bytes())
    assert [process.poll() for process in image.running[:-1]] == [None] * 5, "each of the others still runs"
    with socket.create_connection(("127.0.0.1", port), 5):
        pass
