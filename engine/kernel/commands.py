"""Commands: what a person asks to be done, as a frozen value; and what may come of one.

A command says nothing of who gives it: dispatch is told that, and looks the roles up in ``engine.permissions``.
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import Annotated, Any, Generic, TypeVar

from pydantic import BeforeValidator, Field, WithJsonSchema

from engine.kernel.facts import Record

Words = Annotated[str, Field(max_length=20_000)]
"""Text of a person: reasons, notes, evidence. The deciders say what may not be empty, and may be stricter."""


class Outcome(Record):
    """What came of a command; this one says no more than that it was done."""


class Made(Outcome):
    """Something was made, or was there already."""

    id: str


class Decided(Outcome):
    """Whether it is decided, or only proposed and waits for a second person."""

    decided: bool


class Counted(Outcome):
    """How many were done."""

    count: int


class Written(Outcome):
    """A version was written, or is in force."""

    name: str
    version: str


DONE = Outcome()
O = TypeVar("O", bound=Outcome)  # noqa: E741 - the outcome


class Command(Record, Generic[O]):
    """Base of every command; the parameter is the kind of its outcome."""


def name_of(command: type[Command[Any]]) -> str:
    """Return the name of a kind of command, as tables and addresses have it: ``AssignIncident`` → assign-incident."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "-", command.__name__).lower()


def _bytes(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        return base64.b64decode(value, validate=True)
    except binascii.Error:
        raise ValueError("bytes are written in base64") from None


class Attachment(Record):
    """A document that comes with a command; in JSON its bytes are base64."""

    data: Annotated[
        bytes, BeforeValidator(_bytes), WithJsonSchema({"type": "string", "contentEncoding": "base64"})
    ]  # fmt: skip
    name: str = ""
    media_type: str = ""
