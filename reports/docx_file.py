"""A document as DOCX (ECMA-376), for officers who go on in a word processor: the same input gives the same bytes."""

from __future__ import annotations

import io
import zipfile
from datetime import UTC, datetime
from typing import Any

STAMP = (2020, 1, 1, 0, 0, 0)


def docx(document: dict[str, Any]) -> bytes:
    """Build the file from plain data as ``reports.document`` gives them."""
    import docx as library
    from docx.shared import Cm, Pt, RGBColor

    file = library.Document()
    style = file.styles["Normal"]
    style.font.name, style.font.size = "Times New Roman", Pt(10.5)
    for section in file.sections:
        section.page_width, section.page_height = Cm(21), Cm(29.7)
        section.left_margin = section.right_margin = Cm(2.2)
        section.top_margin = section.bottom_margin = Cm(1.8)
    for number, part in enumerate(document["parts"]):
        first = _paragraph(file)
        first.paragraph_format.page_break_before = number > 0
        if document["is_draft"]:
            mark = first.add_run(part["draft_mark"])
            mark.bold, mark.font.color.rgb = True, RGBColor(0xA4, 0, 0)
            first = _paragraph(file)
        first.paragraph_format.space_after = Pt(6)
        heading = first.add_run(part["title"])
        heading.bold, heading.font.size = True, Pt(15)
        _head(file, part["meta"])
        for item in part["sections"]:
            paragraph = _paragraph(file)
            paragraph.paragraph_format.space_before = Pt(5)
            paragraph.paragraph_format.keep_with_next = True
            paragraph.add_run(item["heading"]).bold = True
            _paragraph(file, item["text"])
    _properties(file, document)
    out = io.BytesIO()
    file.save(out)
    return _steady(out.getvalue())


def _paragraph(parent: Any, text: str = "") -> Any:
    """Add a paragraph without the air that word processors put after each."""
    from docx.shared import Pt

    paragraph = parent.add_paragraph(text)
    paragraph.paragraph_format.space_after = Pt(0)
    paragraph.paragraph_format.line_spacing = 1.0
    return paragraph


def _head(file: Any, rows: list[dict[str, str]]) -> None:
    """Add the table of what identifies the document."""
    from docx.shared import Cm, Pt

    table = file.add_table(rows=0, cols=2)
    table.autofit = False
    for column, width in zip(table.columns, (Cm(5), Cm(11.6)), strict=True):
        column.width = width
    for item in rows:
        cells = table.add_row().cells
        for cell, width, text in zip(cells, (Cm(5), Cm(11.6)), (item["heading"], item["text"]), strict=True):
            cell.width = width
            cell.paragraphs[0].paragraph_format.space_after = Pt(0)
            cell.paragraphs[0].add_run(text).font.size = Pt(9)


def _properties(file: Any, document: dict[str, Any]) -> None:
    properties = file.core_properties
    at = datetime.fromisoformat(document["made_at"]) if document["made_at"] else datetime(*STAMP, tzinfo=UTC)
    properties.created = properties.modified = at.astimezone(UTC).replace(tzinfo=None)
    properties.author = properties.last_modified_by = "Qorgau"
    properties.title = document["parts"][0]["title"]
    properties.comments = ""


def _steady(data: bytes) -> bytes:
    """Write the archive again with fixed times."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(zipfile.ZipInfo(name, STAMP), old.read(name), zipfile.ZIP_DEFLATED)
    return out.getvalue()
