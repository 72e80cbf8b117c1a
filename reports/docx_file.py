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
    from docx.enum.text import WD_BREAK
    from docx.shared import Cm, Pt, RGBColor

    file = library.Document()
    style = file.styles["Normal"]
    style.font.name, style.font.size = "Times New Roman", Pt(11)
    for section in file.sections:
        section.page_width, section.page_height = Cm(21), Cm(29.7)
        section.left_margin = section.right_margin = Cm(2.2)
    for number, part in enumerate(document["parts"]):
        if number:
            file.add_paragraph().add_run().add_break(WD_BREAK.PAGE)
        if document["is_draft"]:
            mark = file.add_paragraph().add_run(part["draft_mark"])
            mark.bold, mark.font.color.rgb = True, RGBColor(0xA4, 0, 0)
        heading = file.add_paragraph().add_run(part["title"])
        heading.bold, heading.font.size = True, Pt(15)
        table = file.add_table(rows=0, cols=2)
        table.autofit = False
        for item in part["meta"]:
            cells = table.add_row().cells
            cells[0].width, cells[1].width = Cm(5), Cm(11.6)
            _small(cells[0], item["heading"], Pt(9))
            _small(cells[1], item["text"], Pt(9))
        for item in part["sections"]:
            paragraph = file.add_paragraph()
            paragraph.paragraph_format.space_before = Pt(8)
            paragraph.paragraph_format.keep_with_next = True
            paragraph.paragraph_format.space_after = Pt(0)
            paragraph.add_run(item["heading"]).bold = True
            file.add_paragraph(item["text"]).paragraph_format.space_after = Pt(0)
    _properties(file, document)
    out = io.BytesIO()
    file.save(out)
    return _steady(out.getvalue())


def _small(cell: Any, text: str, size: Any) -> None:
    run = cell.paragraphs[0].add_run(text)
    run.font.size = size


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
