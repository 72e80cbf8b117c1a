"""The child that renders a document, or many as text: limits first, then an order from stdin, the result on stdout."""

from __future__ import annotations

import json
import resource
import sys
from importlib import resources
from typing import Any, Final

from reports.children.limits import limit_to

CPU_S = 30
MEMORY = 1536 * 1024 * 1024
STANDARD: Final = "a-2b"
"""PDF/A-2b (ISO 19005-2): what is kept for years can be read then, fonts and all. The compiler refuses what is not."""


def limit() -> None:
    """Bound processor time and memory before anything is read."""
    limit_to(cpu_s=CPU_S)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))


def freeze(value: Any) -> Any:
    """Turn lists into tuples, so that a template holds nothing it could change."""
    if isinstance(value, dict):
        return {key: freeze(part) for key, part in value.items()}
    return tuple(freeze(part) for part in value) if isinstance(value, list) else value


def template_text(document: dict[str, Any], name: str) -> bytes:
    """Render a Jinja2 template: immutable sandbox, undefined names are errors, everything escaped in HTML."""
    return template_texts([document], name)[0].encode("utf8")


def template_texts(documents: list[dict[str, Any]], name: str) -> list[str]:
    """Render a template for each document."""
    from jinja2 import BaseLoader, StrictUndefined
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    source = (resources.files("reports") / "templates" / name).read_text(encoding="utf8")
    environment = ImmutableSandboxedEnvironment(
        loader=BaseLoader(), undefined=StrictUndefined, autoescape=name.endswith(".html"), keep_trailing_newline=True
    )
    environment.globals.clear()
    template = environment.from_string(source)
    return [template.render(**freeze(document)) for document in documents]


def pdf(document: dict[str, Any], name: str) -> bytes:
    """Render the PDF with the compiler and fonts of the typst wheel."""
    import typst

    source = (resources.files("reports") / "templates" / name).read_bytes()
    made_at = document.get("made_at_iso") or document.get("made_at", "")
    data = {**document, "seal_svg": _qr(document.get("seal", "")), "instant": made_at}
    made = typst.compile(
        source, format="pdf", sys_inputs={"data": json.dumps(data, ensure_ascii=False)},
        pdf_standards=STANDARD if made_at else None,  # the standard asks for a date
    )  # fmt: skip
    if not isinstance(made, bytes):
        raise TypeError("the compiler gave several files for one document")
    return made


def _qr(text: str) -> str:
    """Return a QR code (ISO/IEC 18004) as SVG, empty for an empty text."""
    if not text:
        return ""
    import segno

    return str(segno.make(text, error="m", micro=False).svg_inline(border=2, unit=None))


def main() -> int:
    """Read one order, write one document, or the texts of many as a JSON list."""
    limit()
    order = json.load(sys.stdin)
    wanted, name = order["format"], order.get("template", "notice")
    if "documents" in order:
        json.dump(template_texts(order["documents"], f"{name}.{wanted}"), sys.stdout)
        return 0
    document = order["document"]
    if wanted == "pdf":
        made = pdf(document, f"{name}.typ")
    elif wanted == "docx":
        from reports.docx_file import docx

        made = docx(document)
    else:
        made = template_text(document, f"{name}.{wanted}")
    sys.stdout.buffer.write(made)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
