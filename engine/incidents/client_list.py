"""Lists of affected clients as files: one identifier a line, or CSV with the column ``client`` and perhaps ``loan``."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from hashlib import sha256

from engine.events.identifiers import IIN
from engine.kernel.errors import IdentifierError, InputError

MOST_LINES = 1_000_000
LONGEST = 100
"""Characters of an identifier."""
_HEADERS = {
    "client": "client", "clientid": "client", "mfoclientid": "client", "id": "client", "клиент": "client",
    "idклиента": "client", "кодклиента": "client", "loan": "loan", "loanid": "loan", "mfoloanid": "loan",
    "договор": "loan", "номердоговора": "loan", "заём": "loan", "займ": "loan", "шарт": "loan", "қарыз": "loan",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class ClientList:
    """What a list names, each once, in its order, and the SHA-256 of the file."""

    clients: tuple[str, ...]
    loans: tuple[str, ...]
    sha256: str


def read_client_list(data: bytes, name: str) -> ClientList:
    """Read a list. Raise InputError naming file, line and field; nothing of a list with a faulty line is taken."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise InputError("the list is not in UTF-8", file=name, line=line) from None
    found: dict[str, dict[str, None]] = {"client": {}, "loan": {}}
    columns = {0: "client"}
    first, width = True, 1
    for line, row in enumerate(_rows(text, name), 1):
        cells = [cell.strip() for cell in row]
        if not any(cells):
            continue
        if line > MOST_LINES:
            raise InputError("a list has at most {most} lines", file=name, line=line, most=MOST_LINES)
        named = [_HEADERS.get("".join(filter(str.isalnum, cell.lower())), "") for cell in cells]
        if first and "client" in named:
            columns, first, width = {at: kind for at, kind in enumerate(named) if kind}, False, len(cells)
            continue
        first = False
        if len(cells) > width:
            raise InputError(
                "a line has more columns than the list; with several columns the first line names them", file=name,
                line=line,
            )  # fmt: skip
        for at, kind in columns.items():
            _take(found[kind], cells[at] if at < len(cells) else "", kind, name, line)
    if not found["client"]:
        raise InputError("the list names no client", file=name)
    return ClientList(tuple(found["client"]), tuple(found["loan"]), sha256(data).hexdigest())


def _rows(text: str, name: str) -> list[list[str]]:
    try:
        head = text[:2_000]
        delimiter = ";" if head.count(";") > head.count(",") else ","
        return list(csv.reader(io.StringIO(text), delimiter=delimiter, strict=True))
    except csv.Error as error:
        raise InputError("the list is no CSV: {detail}", file=name, detail=str(error)) from None


def _take(found: dict[str, None], value: str, kind: str, name: str, line: int) -> None:
    if not value and kind == "loan":
        return
    if not value or len(value) > LONGEST or not value.isprintable():
        raise InputError("an identifier has 1 to 100 characters", file=name, line=line, field=kind)
    if any(ch.isspace() for ch in value) or value.startswith("+"):
        raise InputError(
            "'{value}' is a name or a telephone; the identifiers of the systems are needed", file=name, line=line,
            field=kind, value=value,
        )  # fmt: skip
    if _is_iin(value):
        raise InputError(
            "this is an IIN, which would stay in the log for ever; the identifiers of the systems are needed",
            file=name, line=line, field=kind,
        )  # fmt: skip
    found[value] = None


def _is_iin(value: str) -> bool:
    try:
        IIN.parse(value)
    except IdentifierError:
        return False
    return True
