"""Commands: what a person asks to be done, as a frozen value; and what may come of one.

A command says nothing of who gives it: dispatch is told that, and looks the roles up in ``engine.permissions``.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable
from datetime import date
from typing import Annotated, Any, Generic, TypeVar

from pydantic import BeforeValidator, Field, WithJsonSchema, field_validator

from engine.kernel.facts import Record

Words = Annotated[str, Field(max_length=20_000)]
"""Text of a person: reasons, notes, evidence. The deciders say what may not be empty, and may be stricter."""


Names = Annotated[tuple[Annotated[str, Field(max_length=300)], ...], Field(max_length=10_000)]
"""Ids that one command names; a breach of more people is entered by its events."""
Entries = Annotated[tuple[Annotated[str, Field(max_length=1_000)], ...], Field(max_length=100_000)]
"""Entries of a list."""


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


FIRST_YEAR, LAST_YEAR = 1992, 2199
"""The years that can be counted in; a day outside them is a slip of somebody's hand."""
DEEPEST = 20


class Command(Record, Generic[O]):
    """Base of every command; the parameter is the kind of its outcome.

    What the calendar cannot count and what the store cannot write is refused here, before it can become a fact.
    """

    @field_validator("*", mode="before")
    @classmethod
    def _can_be_written(cls, value: object) -> object:
        _check_text(value, DEEPEST)
        return value

    @field_validator("*", mode="after")
    @classmethod
    def _can_be_counted(cls, value: object) -> object:
        if isinstance(value, date) and not FIRST_YEAR <= value.year <= LAST_YEAR:
            raise ValueError(f"a day lies between {FIRST_YEAR} and {LAST_YEAR}")
        return value


def _check_text(value: object, depth: int) -> None:
    """Raise ValueError for text that is no Unicode (half of a surrogate pair), and for values nested without end."""
    match value:
        case str():
            if not value.isascii() and any("\ud800" <= letter <= "\udfff" for letter in value):
                raise ValueError("the text holds half of a surrogate pair, which is no letter")
        case dict():
            _check_all((*value.keys(), *value.values()), depth)
        case list() | tuple():
            _check_all(value, depth)


def _check_all(values: Iterable[object], depth: int) -> None:
    if depth == 0:
        raise ValueError(f"values are nested at most {DEEPEST} deep")
    for value in values:
        _check_text(value, depth - 1)


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
