"""How a record is declared, kept in a row and read from one.

A record is a frozen dataclass whose fields are the columns, in their order. In the store an instant is RFC 3339 text
of fixed width, a day ISO text, a truth 0 or 1, and a tuple of texts a JSON array; in the record they are ``datetime``,
``date``, ``bool`` and ``tuple``. ``stored`` gives the values as the store has them: so they stand in answers as JSON.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import MISSING, dataclass, fields
from datetime import date, datetime
from functools import cache
from types import UnionType
from typing import Any, ClassVar, Literal, NamedTuple, TypeVar, Union, cast, get_args, get_origin, get_type_hints

import orjson

from engine.kernel.timestamps import iso


class Index(NamedTuple):
    """An index over columns, of the rows that fulfil a condition."""

    name: str
    columns: tuple[str, ...]
    where: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """Where records of a kind are kept, and what finds them."""

    name: str
    key: tuple[str, ...] = ("id",)
    indexes: tuple[Index, ...] = ()


class Record:
    """A row of a read model, or of an answer made from several; every kind is a frozen dataclass."""

    __slots__ = ()
    __dataclass_fields__: ClassVar[dict[str, Any]]
    table: ClassVar[Table]


R = TypeVar("R", bound=Record)
"""Any kind of record."""
F = TypeVar("F", bound=Callable[..., Any])


def once(function: F) -> F:
    """Remember what a function returns for a kind. (``cache`` alone: mypy does not take a class for hashable.)"""
    return cast(F, cache(function))


def column(name: str = "", *, of: str = "", blank: bool = False) -> dict[str, Any]:
    """Return the ``metadata`` of a field whose column has another name, is asked as the expression ``of``, or says
    None by ''."""
    return {"name": name, "of": of, "blank": blank}


class Column(NamedTuple):
    """A column of a kind of records."""

    field: str
    name: str
    of: str
    """What is asked in a SELECT; empty for the column itself."""
    inherited: bool
    """Whether the field was declared by the record this one adds to; only that has the alias of the table."""
    type: str
    """TEXT or INTEGER."""
    optional: bool
    computed: bool
    """Whether the field has a default: it is no column, who asks fills it in."""
    write: Callable[[Any], Any] | None
    read: Callable[[Any], Any] | None


def _texts(value: tuple[str, ...]) -> str:
    return orjson.dumps(value).decode()


def _nested(value: Any) -> Any:
    if isinstance(value, Record):
        return stored(value)
    if isinstance(value, datetime):
        return iso(value)
    return [_nested(it) for it in value] if isinstance(value, tuple | list) else value


def _read_texts(text: str) -> tuple[str, ...]:
    return tuple(orjson.loads(text))


_KINDS: dict[Any, tuple[str, Callable[[Any], Any] | None, Callable[[Any], Any] | None]] = {
    str: ("TEXT", None, None),
    int: ("INTEGER", None, None),
    bool: ("INTEGER", int, bool),
    datetime: ("TEXT", iso, datetime.fromisoformat),
    date: ("TEXT", date.isoformat, date.fromisoformat),
    tuple[str, ...]: ("TEXT", _texts, _read_texts),
}


def _blank_or(read: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda text: read(text) if text else None


def _kind_of(hint: Any) -> tuple[str, Callable[[Any], Any] | None, Callable[[Any], Any] | None]:
    """Return how a type is kept: a closed set of words is text, for an older or newer build may have other words."""
    return _KINDS[str if get_origin(hint) is Literal else hint]


@once
def columns_of(kind: type[Record]) -> tuple[Column, ...]:
    """Return the columns of a kind, in their order. Raise KeyError for a field of a type that no column can hold."""
    hints, found = get_type_hints(kind), []
    above = {it.name for it in fields(kind.__mro__[1])} if kind.__mro__[1] is not Record else set()
    for it in fields(kind):
        hint = hints[it.name]
        args = get_args(hint) if get_origin(hint) in (UnionType, Union) else (hint,)
        optional = type(None) in args
        bare = next(arg for arg in args if arg is not type(None))
        computed = _has_default(it)
        type_, write, read = ("", _nested, None) if computed else _kind_of(bare)
        blank = bool(it.metadata.get("blank"))
        found.append(
            Column(
                it.name, it.metadata.get("name") or it.name, it.metadata.get("of", ""), it.name in above, type_,
                optional and not blank, computed, write, _blank_or(read) if blank and read else read,
            )
        )  # fmt: skip
    return tuple(found)


def _has_default(it: Any) -> bool:
    return it.default is not MISSING or it.default_factory is not MISSING


@once
def selected(kind: type[Record], alias: str = "") -> str:
    """Return what a SELECT lists for a kind; what it adds to another record is not of the table of the alias."""
    alone = not any(it.inherited for it in columns_of(kind))
    return ", ".join(
        f"{it.of} AS {it.name}" if it.of else f"{alias}.{it.name}" if alias and (alone or it.inherited) else it.name
        for it in columns_of(kind)
        if not it.computed
    )


@once
def _readers(kind: type[Record]) -> tuple[tuple[int, Callable[[Any], Any]], ...]:
    kept = [it for it in columns_of(kind) if not it.computed]
    return tuple((index, it.read) for index, it in enumerate(kept) if it.read is not None)


def read(kind: type[R], row: Sequence[Any]) -> R:
    """Read a row whose values stand in the order of ``selected``."""
    values = list(row)
    for index, convert in _readers(kind):
        if values[index] is not None:
            values[index] = convert(values[index])
    return kind(*values)


@once
def _writers(kind: type[Record]) -> tuple[tuple[str, Callable[[Any], Any] | None, Any], ...]:
    """Return field, how it is written, and what stands for None, by column."""
    return tuple((it.field, it.write, None if it.optional or it.computed else "") for it in columns_of(kind))


def row_of(record: Record) -> tuple[Any, ...]:
    """Return the values of a record as the store keeps them, in the order of the columns."""
    row = []
    for name, write, blank in _writers(type(record)):
        value = getattr(record, name)
        row.append(blank if value is None else value if write is None else write(value))
    return tuple(row)


def stored(record: Record) -> dict[str, Any]:
    """Return a record by the names of its columns, with the values as the store keeps them: fit for JSON."""
    found: dict[str, Any] = {}
    for it in columns_of(type(record)):
        value = getattr(record, it.field)
        if value is None:
            found[it.name] = None if it.optional or it.computed else ""
        else:
            found[it.name] = it.write(value) if it.write is not None else value
    return found


def extended(kind: type[R], record: Record, *values: Any, **more: Any) -> R:
    """Return a record that adds to another: its fields, then the values."""
    return kind(*(getattr(record, it.field) for it in columns_of(type(record))), *values, **more)
