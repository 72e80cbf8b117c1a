"""``python -m infra.lab.testbed up|down DIR``: the servers that a scaled-out set-up needs, without containers.

``up`` starts those that can be had, prints the settings that lead to them, and says why any is missing (exit status 1);
``down`` stops them by the process numbers kept in DIR.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

from infra.lab.testbed.elasticsearch import Node
from infra.lab.testbed.kafka import Broker
from infra.lab.testbed.mail import MailServer
from infra.lab.testbed.postgres import Cluster
from infra.lab.testbed.server import NoServer, Server

STATE = "servers.json"


def _postgres(folder: Path) -> tuple[dict[str, str], int]:
    cluster = Cluster(folder)
    cluster.create()
    cluster.start()
    pid = int((cluster.data / "postmaster.pid").read_text().splitlines()[0])
    return {"QORGAU_DATABASE": cluster.database("qorgau")}, pid


def _started(server: Server, settings: Callable[[], dict[str, str]]) -> tuple[dict[str, str], int]:
    server.start()
    return settings(), server.pid


def _kafka(folder: Path) -> tuple[dict[str, str], int]:
    broker = Broker(folder)
    return _started(broker, lambda: {"QORGAU_KAFKA": broker.address})


def _elasticsearch(folder: Path) -> tuple[dict[str, str], int]:
    node = Node(folder)
    return _started(node, lambda: {"QORGAU_ELASTICSEARCH": node.url})


def _mail(folder: Path) -> tuple[dict[str, str], int]:
    server = MailServer(folder)
    return _started(
        server,
        lambda: {"QORGAU_SMTP_HOST": "127.0.0.1", "QORGAU_SMTP_PORT": str(server.port), "QORGAU_SMTP_TLS": "none"},
    )


SERVERS = {"postgres": _postgres, "kafka": _kafka, "elasticsearch": _elasticsearch, "mail": _mail}


def up(folder: Path) -> int:
    """Start what can be had; return the exit status."""
    state = folder / STATE
    if state.exists():
        sys.stderr.write(f"{state} is there: the servers run already, or run 'down' first\n")
        return 2
    folder.mkdir(parents=True, exist_ok=True)
    pids: dict[str, int] = {}
    missing = 0
    for name, start in SERVERS.items():
        try:
            settings, pids[name] = start(folder / name)
        except NoServer as error:
            sys.stderr.write(f"{name} is missing: {error}\n")
            missing += 1
            continue
        state.write_text(json.dumps(pids), encoding="utf8")
        for key, value in settings.items():
            sys.stdout.write(f"export {key}={value}\n")
    return 1 if missing else 0


def down(folder: Path) -> int:
    """Stop what ``up`` started; return the exit status."""
    state = folder / STATE
    if not state.exists():
        sys.stderr.write(f"nothing runs from {folder}\n")
        return 0
    pids: dict[str, int] = json.loads(state.read_text(encoding="utf8"))
    ours = {name: pid for name, pid in pids.items() if _is_ours(pid, folder)}
    for name, pid in ours.items():
        os.kill(pid, signal.SIGINT if name == "postgres" else signal.SIGTERM)
    for _ in range(300):
        if not any(_is_ours(pid, folder) for pid in ours.values()):
            break
        time.sleep(0.1)
    state.unlink()
    return 0


def _is_ours(pid: int, folder: Path) -> bool:
    """A number alone is not enough: another process may have it by now."""
    try:
        return str(folder).encode() in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


def main() -> int:
    """Read the command."""
    if len(sys.argv) != 3 or sys.argv[1] not in ("up", "down"):
        sys.stderr.write("usage: python -m infra.lab.testbed up|down DIR\n")
        return 2
    return (up if sys.argv[1] == "up" else down)(Path(sys.argv[2]).resolve())


if __name__ == "__main__":
    raise SystemExit(main())
