"""A report as plain data: blocks of text, tables and charts, rendered as page, PDF, CSV or JSON."""

from __future__ import annotations

import csv
import io

from pydantic import Field

from engine.kernel.errors import n_
from engine.kernel.facts import Record
from reports.messages import translate

FORMULA = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")


class Table(Record):
    """Rows of text under named columns."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


class Chart(Record):
    """Bars for labels; several series stand beside each other. Values are not negative."""

    title: str
    labels: tuple[str, ...]
    series: dict[str, tuple[float, ...]]
    unit: str = ""
    svg: str = ""


class Block(Record):
    """A heading with what stands under it."""

    heading: str
    text: str = ""
    table: Table | None = None
    chart: Chart | None = None


class Report(Record):
    """A report ready for a template."""

    name: str
    title: str
    organisation: str
    period: str
    as_of: str = ""
    """The instant whose state it shows, of a report that shows what holds now; empty for one of a period."""
    made_at: str
    made_at_iso: str = ""
    """The same instant, RFC 3339 with its offset, for programs."""
    language: str = "en"
    log_head: str = ""
    """The head of the ledger when it was made: a later rewriting can be proved."""
    blocks: tuple[Block, ...] = Field(default=())


def as_csv(report: Report) -> bytes:
    """Return every table of a report as CSV (RFC 4180), one after the other under its heading.

    A cell that a spreadsheet would take for a formula begins with an apostrophe.
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    when = (n_("state as of"), report.as_of) if report.as_of else (n_("period"), report.period)
    head = (n_("report"), report.title), (n_("organisation"), report.organisation), when
    for name, text in (*head, (n_("made"), report.made_at), (n_("log"), report.log_head)):
        writer.writerow([translate(report.language, name), harmless(text)])
    for block in report.blocks:
        if block.table is None and block.chart is None:
            continue
        writer.writerow([])
        writer.writerow([harmless(block.heading)])
        table = block.table or _of_chart(block.chart)
        if any(table.columns):
            writer.writerow([harmless(cell) for cell in table.columns])
        writer.writerows([harmless(cell) for cell in row] for row in table.rows)
    return out.getvalue().encode("utf-8-sig")


def _of_chart(chart: Chart | None) -> Table:
    assert chart is not None
    rows = tuple(
        (label, *(f"{values[index]:g}" for values in chart.series.values())) for index, label in enumerate(chart.labels)
    )
    return Table(columns=("", *chart.series), rows=rows)


def harmless(text: str) -> str:
    """Return the text of a cell; one that a spreadsheet would take for a formula begins with an apostrophe."""
    return f"'{text}" if text.startswith(FORMULA) else text
