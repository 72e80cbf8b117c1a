"""How rendered documents are given to a browser: typed, framed only by ourselves, and without any script."""

from __future__ import annotations

from hashlib import sha256

from fastapi.responses import Response

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


def to_sign(data: bytes, notice_id: str) -> Response:
    """Give the bytes that are signed, as they are, to be kept beside their signature."""
    headers = {
        "Content-Disposition": f'attachment; filename="notice-{notice_id[:36]}-to-sign.json"',
        "X-Content-SHA256": sha256(data).hexdigest(),
    }
    return Response(data, media_type=TYPES["json"], headers=headers)


def as_it_came(name: str, data: bytes) -> Response:
    """Give a document of the archive as a download that runs nothing."""
    safe = "".join(ch if ch.isalnum() or ch in ".-_" else "_" for ch in name)[:100]
    headers = {
        "Content-Disposition": f'attachment; filename="{safe.encode("ascii", "replace").decode()}"',
        "Content-Security-Policy": "sandbox",
    }
    return Response(data, media_type="application/octet-stream", headers=headers)
