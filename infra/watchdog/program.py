"""The program: reads the log, counts, and tells people by ways of its own when a term passed unsaid.

Its cries go to a file (one JSON object a line, flushed to disk before anything else), to mail, and where an address is
set to a webhook. It never writes into the store: the engine records the breach, with its true instant, when it is back.
"""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
from collections.abc import Callable, Iterator
from datetime import datetime
from email.message import EmailMessage
from pathlib import Path
from typing import Any, Protocol

import httpx

from engine.kernel.ports import TimeSource
from infra.watchdog.state import Clocks, Watched
from infra.watchdog.terms import Line

BATCH = 2_000
Way = Callable[[dict[str, Any]], None]
"""A way of telling people."""


class Facts(Protocol):
    """Where the facts of clocks come from."""

    def after(self, position: int) -> Iterator[tuple[int, str, dict[str, Any]]]:
        """Return (position, topic, JSON) of every fact of a clock after a position, in order."""
        ...


class SqliteFacts:
    """Reads the file of the embedded store, never writing."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def after(self, position: int) -> Iterator[tuple[int, str, dict[str, Any]]]:
        """Return the facts of clocks after a position."""
        connection = sqlite3.connect(f"{self.path.resolve().as_uri()}?mode=ro", uri=True, timeout=30)
        try:
            rows = connection.execute(
                "SELECT position, topic, state FROM decisions WHERE position > ? AND topic LIKE 'clock.%' "
                "ORDER BY position",
                (position,),
            )
            while batch := rows.fetchmany(BATCH):
                for row in batch:
                    yield int(row[0]), str(row[1]), json.loads(bytes(row[2]))
        finally:
            connection.close()


class PostgresFacts:
    """Reads the table of a PostgreSQL store in a read-only transaction."""

    def __init__(self, url: str) -> None:
        self.url = url

    def after(self, position: int) -> Iterator[tuple[int, str, dict[str, Any]]]:
        """Return the facts of clocks after a position."""
        import psycopg

        with psycopg.connect(self.url, connect_timeout=10) as connection:
            connection.read_only = True
            rows = connection.execute(
                "SELECT position, topic, state FROM decisions WHERE position > %s AND topic LIKE 'clock.%%' "
                "ORDER BY position",
                (position,),
            )
            for row in rows:
                yield int(row[0]), str(row[1]), json.loads(bytes(row[2]))


class Watchdog:
    """Looks once in a while; what it cried once for a clock it does not cry again."""

    def __init__(
        self, facts: Facts, line: Line, clock: TimeSource, folder: Path, grace_s: float, tell: list[Way]
    ) -> None:
        self.facts = facts
        self.clocks = Clocks(line)
        self.clock = clock
        self.folder = folder
        self.grace_s = grace_s
        self.tell = tell
        self.position = 0
        folder.mkdir(parents=True, exist_ok=True)
        self._cried = self._earlier()

    @property
    def file(self) -> Path:
        """Where the cries are kept."""
        return self.folder / "alarms.ndjson"

    def look(self) -> list[dict[str, Any]]:
        """Read what is new and cry where a term passed unsaid; return the new cries."""
        cries: list[dict[str, Any]] = []
        now = self.clock.now()
        try:
            for position, topic, fact in self.facts.after(self.position):
                self.clocks.take([(topic, fact)])
                self.position = position
        except Exception as error:
            cries += self._cry(now, "store", "the store cannot be read", f"{type(error).__name__}: {str(error)[:200]}")
        else:
            self._cried.discard("store")
        for it, detail in self.clocks.disagreements:
            cries += self._cry(now, f"count:{it.id}", f"engine and watchdog count '{it.kind}' differently", detail, it)
        self.clocks.disagreements.clear()
        for it in self.clocks.missed(now, self.grace_s):
            detail = f"due {it.due.isoformat()}; the engine has not said that the term passed: is it running?"
            cries += self._cry(now, f"missed:{it.id}:{it.due.isoformat()}", f"BREACHED, unsaid: {it.kind}", detail, it)
        return cries

    def _cry(
        self, now: datetime, key: str, subject: str, detail: str, it: Watched | None = None
    ) -> list[dict[str, Any]]:
        if key in self._cried:
            return []
        cry = {
            "at": now.isoformat(), "key": key, "subject": subject, "detail": detail,
            "clock": it.id if it else None, "kind": it.kind if it else None,
            "due_at": it.due.isoformat() if it else None,
        }  # fmt: skip
        with self.file.open("a", encoding="utf8") as file:
            file.write(json.dumps(cry) + "\n")
            file.flush()
            os.fsync(file.fileno())
        self._cried.add(key)
        for way in self.tell:
            try:
                way(cry)
            except Exception as error:
                self._note(now, key, error)
        return [cry]

    def _note(self, now: datetime, key: str, error: Exception) -> None:
        with self.file.open("a", encoding="utf8") as file:
            file.write(json.dumps({"at": now.isoformat(), "untold": key, "error": type(error).__name__}) + "\n")

    def _earlier(self) -> set[str]:
        if not self.file.exists():
            return set()
        found = set()
        for line in self.file.read_text(encoding="utf8").splitlines():
            try:
                found.add(str(json.loads(line).get("key")))
            except ValueError:
                continue
        found.discard("store")
        return found


def by_mail(
    host: str, port: int, tls: str, user: str | None, password: str | None, sender: str, to: str
) -> Callable[[dict[str, Any]], None]:
    """Tell by mail, over a connection of its own."""

    def send(cry: dict[str, Any]) -> None:
        import aiosmtplib

        message = EmailMessage()
        message["From"], message["To"], message["Subject"] = sender, to, f"[qorgau watchdog] {cry['subject']}"
        message.set_content(cry["detail"])
        asyncio.run(
            aiosmtplib.send(
                message, hostname=host, port=port, use_tls=tls == "tls", start_tls=tls == "starttls", username=user,
                password=password, timeout=30,
            )
        )  # fmt: skip

    return send


def by_spool(folder: Path, sender: str, to: str) -> Callable[[dict[str, Any]], None]:
    """Tell by a message in the spool, where no mail server is set."""

    def write(cry: dict[str, Any]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        message = EmailMessage()
        message["From"], message["To"], message["Subject"] = sender, to, f"[qorgau watchdog] {cry['subject']}"
        message.set_content(cry["detail"])
        name = "".join(ch if ch.isalnum() else "-" for ch in str(cry["key"]))[:120]
        (folder / f"watchdog-{name}.eml").write_bytes(message.as_bytes())

    return write


def by_webhook(url: str) -> Callable[[dict[str, Any]], None]:
    """Tell by a POST."""

    def post(cry: dict[str, Any]) -> None:
        httpx.post(url, json=cry, timeout=10, follow_redirects=False).raise_for_status()

    return post
