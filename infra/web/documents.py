"""How rendered documents are given to a browser: typed, framed only by ourselves, and without any script."""

from __future__ import annotations

DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
TYPES = {
    "html": "text/html; charset=utf-8",
    "txt": "text/plain; charset=utf-8",
    "pdf": "application/pdf",
    "docx": DOCX,
    "eml": "message/rfc822",
    "json": "application/json",
    "csv": "text/csv; charset=utf-8",
}
DOCUMENT_CSP = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'; sandbox"
