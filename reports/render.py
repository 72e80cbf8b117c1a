"""Rendering a document as HTML, text, PDF or DOCX, in a child process with limits on time and memory.

A template sees plain text only; even so a template that loops or grows must not take the engine with it.
"""

from __future__ import annotations

import subprocess
import sys
from typing import Literal

import orjson

from engine.errors import QorgauError
from reports.document import Document

Format = Literal["html", "txt", "pdf", "docx"]
FORMATS: tuple[Format, ...] = ("html", "txt", "pdf", "docx")
TIMEOUT_S = 60
MAX_OUTPUT = 32 * 1024 * 1024


class RenderError(QorgauError):
    """A document could not be rendered."""

    code = "report.render"


def render(document: Document, format: Format) -> bytes:  # noqa: A002 - the field's word
    """Give the document in one format. Raises RenderError; never leaves a process behind."""
    order = orjson.dumps({"format": format, "document": document.model_dump(mode="json")})
    try:
        done = subprocess.run(
            [sys.executable, "-m", "reports.worker"], input=order, capture_output=True, timeout=TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired:
        raise RenderError(f"rendering took longer than {TIMEOUT_S} s and was stopped") from None
    if done.returncode != 0:
        lines = done.stderr.decode("utf8", "replace").strip().splitlines()
        raise RenderError(f"the document could not be rendered: {lines[-1][:300] if lines else done.returncode}")
    if len(done.stdout) > MAX_OUTPUT:
        raise RenderError("the rendered document is too large")
    return done.stdout
