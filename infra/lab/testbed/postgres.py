"""A private PostgreSQL cluster: ``python -m infra.lab.testbed.postgres up|down DIR``.

Needs the server's programs (Debian: ``postgresql``). PostgreSQL refuses to run as root; then the user ``postgres`` of
the package runs it.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

from infra.lab.testbed.server import NoServer, free_port

USER = "qorgau"
RUN_AS = "postgres"


def programs() -> Path:
    """Find the directory of ``initdb`` and ``pg_ctl``. Raises NoServer."""
    found = shutil.which("pg_ctl")
    if found:
        return Path(found).resolve().parent
    for folder in sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True):
        if (folder / "pg_ctl").exists():
            return folder
    raise NoServer("PostgreSQL is not installed (Debian: apt-get install postgresql)")


class Cluster:
    """One cluster in a directory; ``start``, ``stop`` and ``kill`` it as often as needed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.data = folder / "data"
        self._bin = programs()
        self.port = 0

    def _run(self, *command: str | Path) -> None:
        full = [str(part) for part in command]
        if os.geteuid() == 0:
            full = ["runuser", "-u", RUN_AS, "--", *full]
        done = subprocess.run(full, capture_output=True, text=True, timeout=120, cwd="/", check=False)  # noqa: S603
        if done.returncode:
            raise RuntimeError(f"{command[0]} failed: {done.stdout[-800:]}{done.stderr[-800:]}")

    def create(self) -> None:
        """Make the cluster, once."""
        self.folder.mkdir(parents=True, exist_ok=True)
        if os.geteuid() == 0:
            shutil.chown(self.folder, RUN_AS, RUN_AS)
        if not self.data.exists():
            self._run(self._bin / "initdb", "-D", self.data, "-A", "trust", "-U", USER, "-E", "UTF8", "--no-locale")

    def start(self, **settings: str) -> str:
        """Start it on a free port, or on the one it had; return the address of its first database."""
        if not self.port:
            self.port = free_port()
        own = {"listen_addresses": "127.0.0.1", "unix_socket_directories": str(self.folder), **settings}
        options = " ".join([f"-p {self.port}", *(f"-c {name}={value}" for name, value in own.items())])
        self._run(
            self._bin / "pg_ctl", "-D", self.data, "-l", self.folder / "log", "-w", "-t", "60", "-o", options, "start"
        )
        return self.url("postgres")

    def url(self, database: str) -> str:
        """Return the address of a database."""
        return f"postgresql://{USER}@127.0.0.1:{self.port}/{database}"

    def stop(self, mode: str = "fast") -> None:
        """Stop it: ``fast`` in order, ``immediate`` as in a crash."""
        self._run(self._bin / "pg_ctl", "-D", self.data, "-w", "-m", mode, "stop")

    def kill(self) -> None:
        """``kill -9`` the server and its children, as an out-of-memory killer would."""
        pid = int((self.data / "postmaster.pid").read_text().splitlines()[0])
        children = subprocess.run(  # noqa: S603
            ["/bin/ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True, check=False
        ).stdout.split()
        for one in (pid, *map(int, children)):
            try:
                os.kill(one, signal.SIGKILL)
            except ProcessLookupError:
                continue

    def recover(self) -> None:
        """Start again after ``kill``: the dead server left its pid file behind, and its memory to be given back."""
        for _ in range(100):
            try:
                self.start()
            except RuntimeError:
                time.sleep(0.1)
            else:
                return
        raise RuntimeError("the server does not come back")

    def database(self, name: str) -> str:
        """Make a database unless it is there; return its address."""
        import psycopg

        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,)).fetchone() is None:
                connection.execute(f'CREATE DATABASE "{name}"')
        return self.url(name)

    def fresh(self, name: str) -> str:
        """Make an empty database; return its address."""
        import psycopg

        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
            connection.execute(f'CREATE DATABASE "{name}"')
        return self.url(name)


def main() -> int:
    """Bring a cluster up, printing its address, or take it down."""
    if len(sys.argv) != 3 or sys.argv[1] not in ("up", "down"):
        sys.stderr.write("usage: python -m infra.lab.testbed.postgres up|down DIR\n")
        return 2
    try:
        cluster = Cluster(Path(sys.argv[2]).resolve())
    except NoServer as missing:
        sys.stderr.write(f"{missing}\n")
        return 1
    if sys.argv[1] == "up":
        cluster.create()
        sys.stdout.write(cluster.start() + "\n")
    else:
        cluster.stop()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
