"""Fills templates in a limited child process that lives on between drafts, and is stopped when one takes too long."""

from __future__ import annotations

import selectors
import subprocess
import sys
import threading
from collections.abc import Mapping
from typing import Any

import orjson

from engine.kernel.errors import DataError, QorgauError
from reports.children.limits import clean_environment

TIMEOUT_S = 5.0
JOBS_PER_CHILD = 5_000
MAX_ANSWER = 8 * 1024 * 1024
Templates = Mapping[str, Mapping[str, str]]
Content = dict[str, dict[str, str]]


class TemplateError(DataError):
    """A template cannot be filled; names kind of text, language, line and field."""

    code = "template.invalid"


def content_of(answer: Mapping[str, Any]) -> Content:
    """Return what was filled. Raise TemplateError for the fault that was found instead."""
    fault = answer.get("error")
    if fault is not None:
        raise TemplateError(fault["message"], file=fault["language"], line=fault["line"], field=fault["field"])
    content: Content = answer["content"]
    return content


class TemplateSandbox:
    """One child process, one job at a time."""

    def __init__(self, timeout_s: float = TIMEOUT_S) -> None:
        self.timeout_s = timeout_s
        self._child: subprocess.Popen[bytes] | None = None
        self._jobs = 0
        self._given = 0
        self._known: dict[bytes, int] = {}
        """Templates that the present child was given, by their text: each is sent once."""
        self._lock = threading.Lock()

    def fill(self, templates: Templates, values: Mapping[str, Any]) -> Content:
        """Return language → field → text. ``values`` are plain data by language. Raise TemplateError."""
        text = orjson.dumps(templates)
        with self._lock:
            answer = self._ask(text, orjson.dumps(values))
        return content_of(answer)

    def close(self) -> None:
        """End the child."""
        with self._lock:
            self._stop()

    def _ask(self, templates: bytes, values: bytes) -> dict[str, Any]:
        child = self._running()
        number = self._known.setdefault(templates, len(self._known))
        new = b"" if number < self._given else b',"templates":' + templates
        job = b'{"number":%d,"values":%s%s}\n' % (number, values, new)
        assert child.stdin is not None
        try:
            child.stdin.write(job)
            child.stdin.flush()
            line = self._line(child)
        except (BrokenPipeError, OSError):
            line = b""
        if not line:
            self._stop()
            raise TemplateError("the text took too long or too much memory and was stopped")
        self._given = len(self._known)
        self._jobs += 1
        if self._jobs >= JOBS_PER_CHILD:
            self._stop()
        document: dict[str, Any] = orjson.loads(line)
        return document

    def _line(self, child: subprocess.Popen[bytes]) -> bytes:
        """Read one answer within the time; empty when there is none."""
        assert child.stdout is not None
        found = b""
        with selectors.DefaultSelector() as selector:
            selector.register(child.stdout, selectors.EVENT_READ)
            while not found.endswith(b"\n"):
                if not selector.select(self.timeout_s) or len(found) > MAX_ANSWER:
                    return b""
                part = child.stdout.read1(1 << 16)  # type: ignore[attr-defined]
                if not part:
                    return b""
                found += part
        return found

    def _running(self) -> subprocess.Popen[bytes]:
        if self._child is None or self._child.poll() is not None:
            self._jobs = self._given = 0
            self._known = {}
            try:
                self._child = subprocess.Popen(
                    [sys.executable, "-P", "-m", "reports.draft_worker"],
                    stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                    env=clean_environment(),
                )  # fmt: skip
            except OSError as error:
                raise QorgauError(f"the process that fills templates cannot be started: {error.strerror}") from None
        return self._child

    def _stop(self) -> None:
        child, self._child = self._child, None
        if child is None:
            return
        child.kill()
        for pipe in (child.stdin, child.stdout):
            if pipe is not None:
                pipe.close()
        child.wait()
