"""Rendering a document as HTML, text, PDF or DOCX, in a child process with limits on time and memory.

A template sees plain text only; even so a template that loops or grows must not take the engine with it.
"""

from __future__ import annotations

import subprocess
import sys
from base64 import b64encode
from collections.abc import Sequence
from typing import Literal

import orjson

from engine.kernel.errors import QorgauError
from reports.charts import bars
from reports.children.limits import clean_environment
from reports.document import Document
from reports.messages import say, speak
from reports.phrases import period
from reports.report import Report, as_csv

Format = Literal["html", "txt", "pdf", "docx"]
FORMATS: tuple[Format, ...] = ("html", "txt", "pdf", "docx")
ReportFormat = Literal["html", "txt", "pdf", "csv", "json"]
REPORT_FORMATS: tuple[ReportFormat, ...] = ("html", "txt", "pdf", "csv", "json")
TIMEOUT_S = 60
MAX_OUTPUT = 32 * 1024 * 1024
TEXTS_TOGETHER = 300
"""Texts that one child renders, well within its limits."""


class RenderError(QorgauError):
    """A document could not be rendered."""

    code = "report.render"


def render(document: Document, format: Format) -> bytes:  # noqa: A002 - the field's word
    """Return the document in one format. Raise RenderError; never leaves a process behind."""
    return _ordered({"format": format, "document": document.model_dump(mode="json")})


def render_texts(documents: Sequence[Document]) -> list[str]:
    """Return documents as plain text, many of them by one child. Raise RenderError."""
    found: list[str] = []
    for start in range(0, len(documents), TEXTS_TOGETHER):
        part = [document.model_dump(mode="json") for document in documents[start : start + TEXTS_TOGETHER]]
        found += orjson.loads(_ordered({"format": "txt", "documents": part}))
    return found


def render_report(report: Report, format: ReportFormat) -> bytes:  # noqa: A002 - the field's word
    """Return a report in one format; its charts are drawn here. Raise RenderError."""
    drawn = tuple(
        block.model_copy(update={"chart": block.chart.model_copy(update={"svg": bars(block.chart)})})
        if block.chart is not None
        else block
        for block in report.blocks
    )
    if format == "csv":
        return as_csv(report)
    if format == "json":
        return orjson.dumps(report.model_dump(mode="json"), option=orjson.OPT_INDENT_2)
    document = report.model_copy(update={"blocks": drawn}).model_dump(mode="json")
    with speak(report.language):
        when = say("as of {instant}", instant=report.as_of) if report.as_of else period(report.period)
        document["head"] = [report.organisation, when, say("made {made_at}", made_at=report.made_at)]
        for block in document["blocks"]:
            if block["table"] is not None and not block["table"]["rows"]:
                block["table"], block["text"] = None, "\n".join(filter(None, (block["text"], say("No entries"))))
        document["foot"] = say("Event log: {head}", head=report.log_head) if report.log_head else ""
    for block in document["blocks"]:
        if block["chart"] is not None:
            block["chart"]["svg_base64"] = b64encode(block["chart"]["svg"].encode()).decode()
    return _ordered({"format": format, "template": "report", "document": document})


def _ordered(what: dict[str, object]) -> bytes:
    order = orjson.dumps(what)
    try:
        done = subprocess.run(
            [sys.executable, "-P", "-m", "reports.worker"],
            input=order,
            capture_output=True,
            timeout=TIMEOUT_S,
            check=False,
            env=clean_environment(),
        )
    except subprocess.TimeoutExpired:
        raise RenderError(f"rendering took longer than {TIMEOUT_S} s and was stopped") from None
    if done.returncode != 0:
        lines = done.stderr.decode("utf8", "replace").strip().splitlines()
        raise RenderError(f"the document could not be rendered: {lines[-1][:300] if lines else done.returncode}")
    if len(done.stdout) > MAX_OUTPUT:
        raise RenderError("the rendered document is too large")
    return done.stdout
