"""What the catalogue says of values: identifiers, numbers, dates. A value that is not what it should be is flagged.

A ``Shape`` is what can be said of all events with the same field names and the same JSON types: which values still
have to be looked at, and which flags are certain. Sources send few shapes, so each is worked out once.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from engine.events.catalogue import ROOTS, Catalogue, FieldSpec
from engine.events.envelope import Fields, Limits
from engine.events.identifiers import IIN, IbanKz, Mrz, Phone
from engine.kernel.errors import IdentifierError, InputError
from engine.kernel.timestamps import NotAnInstant, parse_rfc3339

MAX_SHAPES = 4096
BOUND = 2**63
_LOOKED_INTO = frozenset({"iin", "phone", "account", "mrz", "date"})
ShapeKey = tuple[tuple[str, ...], tuple[type, ...]]


@dataclass(frozen=True, slots=True)
class Shape:
    """What holds for every flat event of one shape.

    ``flat`` says that no value is an object. ``checks`` are the values to look into, in field order; ``numbers`` the
    fields whose numbers may be out of range, ``lists`` those that may hide objects. ``quotes`` is how many quotes its
    JSON text has when no string holds an escaped one; -1 when the shape does not say. ``personal`` are the fields
    that are personal or that the catalogue does not describe. ``plain`` says that nothing is to be brought into
    order: most of what a well-made source sends.
    """

    flat: bool
    compact: bool
    unknown_roots: bool
    checks: tuple[tuple[str, FieldSpec], ...]
    numbers: tuple[str, ...]
    lists: tuple[str, ...]
    quotes: int
    personal: tuple[str, ...]
    plain: bool


def shape_of(key: ShapeKey, catalogue: Catalogue) -> Shape:
    """Work out a shape; remembered in the catalogue as long as there are not too many."""
    names, types = key
    checks: list[tuple[str, FieldSpec]] = []
    for name, kind in zip(names, types, strict=True):
        spec = catalogue.fields.get(name)
        if spec is not None and kind is not type(None) and _needs_a_look(spec, kind):
            checks.append((name, spec))
    kinds = dict(zip(names, types, strict=True))
    shape = Shape(
        flat=dict not in types and all(name.strip() for name in names),
        compact="type" in names and not any(n == "@timestamp" or n == "event" or n.startswith("event.") for n in names),
        unknown_roots=not all(name.split(".", 1)[0] in ROOTS for name in names),
        checks=tuple(checks),
        numbers=tuple(name for name, kind in zip(names, types, strict=True) if kind in (int, float)),
        lists=tuple(name for name, kind in zip(names, types, strict=True) if kind is list),
        plain=False,
        personal=tuple(name for name in names if catalogue.may_be_personal(name)),
        quotes=-1 if dict in types or list in types else 2 * (len(names) + types.count(str)),
    )
    if shape.flat and not (shape.compact or shape.unknown_roots):
        wanted = ("event.id", "event.action", "@timestamp")
        if all(kinds.get(name) is str for name in wanted) and len(names) <= Limits().fields:
            shape = replace(shape, plain=True)
    if len(catalogue.shapes) >= MAX_SHAPES:
        catalogue.shapes.clear()
    catalogue.shapes[key] = shape
    return shape


def _needs_a_look(spec: FieldSpec, kind: type) -> bool:
    if spec.type == "number":
        return kind not in (int, float)
    if spec.type == "boolean":
        return kind is not bool
    return spec.type in _LOOKED_INTO


def check_numbers(fields: Fields, names: tuple[str, ...], flags: list[str]) -> None:
    """Flag numbers that a signed 64-bit integer cannot hold."""
    for name in names:
        value = fields[name]
        if not -BOUND < value < BOUND and (value.__class__ is float or value != -BOUND):
            flags.append("number-range")


def check_typed(name: str, spec: FieldSpec, value: Any, fields: Fields, flags: list[str]) -> None:
    """Look into one value by its type in the catalogue; identifiers are brought to their normal form."""
    try:
        match spec.type:
            case "iin":
                _warn(flags, IIN.parse(value).warning)
            case "phone":
                phone = Phone.parse(value)
                _warn(flags, phone.warning)
                fields[name] = phone.e164
            case "account" if isinstance(value, str) and value[:2].upper() == "KZ":
                fields[name] = IbanKz.parse(value).value
            case "mrz":
                Mrz.parse(value)
            case "number":
                if isinstance(value, bool) or not isinstance(value, int | float):
                    flags.append("type-mismatch")
            case "boolean":
                if not isinstance(value, bool):
                    flags.append("type-mismatch")
            case "date":
                _check_date(value)
    except (IdentifierError, InputError) as error:
        flags.append(error.code)
    except NotAnInstant:
        flags.append("type-mismatch")


def _check_date(value: Any) -> None:
    """A moment (RFC 3339) or, as on documents, a plain date."""
    try:
        if isinstance(value, str) and len(value) == 10:
            date.fromisoformat(value)
            return
    except ValueError:
        pass
    parse_rfc3339(value)


def _warn(flags: list[str], warning: str | None) -> None:
    if warning is not None:
        flags.append(warning)
