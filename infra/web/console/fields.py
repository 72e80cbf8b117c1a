"""How the fields of a console form are read: each reader takes what was sent and returns one value of a command."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from engine.kernel.commands import Attachment
from engine.kernel.errors import InputError, NotFound, n_
from engine.kernel.facts import Person
from engine.kernel.timestamps import NotAnInstant, parse_rfc3339
from engine.kernel.yaml_text import read_value
from infra.app.container import Container


@dataclass(frozen=True)
class Sent:
    """What came with a form: who sent it, the names in the address, the fields, a document."""

    container: Container
    by: Person
    address: Mapping[str, str] = field(default_factory=dict)
    fields: Mapping[str, str] = field(default_factory=dict)
    document: Attachment | None = None


Read = Callable[[Sent], Any]


def address(name: str) -> Read:
    """Read a name of the address."""
    return lambda sent: sent.address[name]


def fixed(value: object) -> Read:
    """Return the same value always."""
    return lambda sent: value


def text(name: str, default: str = "") -> Read:
    """Read a field as it is."""
    return lambda sent: sent.fields.get(name, default)


def line(name: str) -> Read:
    """Read a field without the space around it."""
    return lambda sent: sent.fields.get(name, "").strip()


def yes(name: str) -> Read:
    """Read whether a field says yes."""
    return lambda sent: sent.fields.get(name) == "yes"


def words(name: str) -> Read:
    """Read names between commas or spaces."""
    return lambda sent: tuple(sent.fields.get(name, "").replace(",", " ").split())


def lines(name: str) -> Read:
    """Read the lines of a field."""
    return lambda sent: tuple(sent.fields.get(name, "").splitlines())


def optional(name: str, read: Read) -> Read:
    """Read a field that may be empty; None then."""
    return lambda sent: read(sent) if sent.fields.get(name) else None


def day(name: str, wanted: str = "give a date") -> Read:
    """Read a date. The reader raises InputError saying what is wanted."""
    return lambda sent: a_day(sent.fields.get(name), name, wanted)


def instant(name: str) -> Read:
    """Read a local date and time. The reader raises InputError."""
    return lambda sent: local_instant(sent.container, sent.fields.get(name, ""), name)


def exact(name: str) -> Read:
    """Read an instant as the page wrote it (RFC 3339); None if the form does not say. The reader raises InputError."""

    def read(sent: Sent) -> datetime | None:
        given = sent.fields.get(name, "")
        try:
            return parse_rfc3339(given) if given else None
        except NotAnInstant:
            raise InputError("this is no instant with its offset", field=name) from None

    return read


def level(name: str) -> Read:
    """Read a score from 1 to 5. The reader raises InputError."""

    def read(sent: Sent) -> int:
        given = sent.fields.get(name, "")
        if given not in ("1", "2", "3", "4", "5"):
            raise InputError("a score is a number from 1 to 5", field=name)
        return int(given)

    return read


def version(sent: Sent) -> int | None:
    """Read the version of a text that the person saw; None if the form does not say."""
    given = sent.fields.get("version", "")
    return int(given) if given.isascii() and given.isdigit() and len(given) < 10 else None


def texts(sent: Sent) -> dict[str, str]:
    """Read the fields of a notice or a template: those whose name begins with ``f.``."""
    return {key[2:]: value.replace("\r\n", "\n") for key, value in sent.fields.items() if key.startswith("f.")}


def findings(sent: Sent) -> tuple[str, ...]:
    """Read which findings were chosen."""
    return tuple(key.removeprefix("finding.") for key in sent.fields if key.startswith("finding."))


def document(sent: Sent) -> Attachment | None:
    """Read the document, None if there is none."""
    return sent.document


def signature(sent: Sent) -> str:
    """Read a signature in base64: the field, or the file that came, in DER or already in base64."""
    data = sent.document.data if sent.document is not None else b""
    if not data:
        return sent.fields.get("signature", "")
    return base64.b64encode(data).decode() if data[:1] == b"\x30" else data.decode("ascii", "replace")


def some_document(sent: Sent) -> Attachment:
    """Read the document, an empty one if there is none; the archive refuses that."""
    return sent.document or Attachment(data=b"")


def parameters(sent: Sent) -> dict[str, Any]:
    """Read the parameters of a rule whose value is another than that in force. Raise NotFound, InputError."""
    rule = sent.container.rules.by_reference.get(sent.address["name"])
    if rule is None or rule.meta is None:
        raise NotFound("there is no such rule in force")
    given = {key.removeprefix("p:"): value for key, value in sent.fields.items() if key.startswith("p:")}
    read = {key: read_value(value, key) for key, value in given.items() if value.strip()}
    known = rule.meta.parameters
    changed = {key: value for key, value in read.items() if key not in known or known[key].default != value}
    if not changed:
        raise InputError("no parameter was changed", field="parameters")
    return changed


def a_day(given: str | None, name: str, wanted: str = n_("give a date")) -> date:
    """Read a date of a form. Raise InputError."""
    try:
        return date.fromisoformat(given or "")
    except ValueError:
        raise InputError(wanted, field=name) from None


def local_instant(container: Container, given: str, name: str) -> datetime:
    """Read a local date and time of a form, with or without an offset. Raise InputError."""
    try:
        at = datetime.fromisoformat(given)
    except ValueError:
        raise InputError("give a date and a time", field=name) from None
    return at if at.tzinfo is not None else container.calendar.aware(at)
