"""What must be true of an event for a rule to match: the keys under which the rule is looked up.

A conjunct is a set of atoms of which at least one holds in every matching event. A conjunction gives those of its
parts; of a disjunction each alternative gives its cheapest; a negation says nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from sigma.conditions import (
    ConditionAND,
    ConditionFieldEqualsValueExpression,
    ConditionOR,
    ConditionValueExpression,
)
from sigma.types import (
    SigmaBool,
    SigmaCasedString,
    SigmaCIDRExpression,
    SigmaCompareExpression,
    SigmaExists,
    SigmaExpansion,
    SigmaFieldReference,
    SigmaNumber,
    SigmaRegularExpression,
    SigmaString,
    SigmaTimestampPart,
    SpecialChars,
)

from rules.detection.lists import ListReference
from rules.language.matchers import norm, regex_source

MAX_ATOMS = 20_000
ANY_FIELD = "*"
"""The field of an atom that may be fulfilled by any value of the event (keywords)."""


class Atom(NamedTuple):
    """``equal``: the normalised field is this text. ``number``: it is or spells this number. ``part``: the normalised
    field has this text in it. ``regex``: the expression is found in the field as it came. ``exists``: the event has the
    field. ``there``: it has a value."""

    kind: str
    field: str
    value: str = ""


_COMMON = frozenset({"EventID", "Channel", "Provider_Name"})


def plain_text(node: Any) -> str | None:
    """Return the normalised text of ``field: text`` without wildcards, else None."""
    if not isinstance(node, ConditionFieldEqualsValueExpression):
        return None
    value = node.value
    if type(value) is not SigmaString or not all(isinstance(part, str) for part in value.s):
        return None
    return "".join(part for part in value.s if isinstance(part, str)).lower()


def affix_of(node: Any) -> tuple[str, str] | None:
    """Return (startswith, endswith or contains; text) of a test with one text and stars around it, else None."""
    if not isinstance(node, ConditionFieldEqualsValueExpression) or type(node.value) is not SigmaString:
        return None
    parts, star = node.value.s, SpecialChars.WILDCARD_MULTI
    texts = [part for part in parts if isinstance(part, str)]
    if len(texts) != 1 or not texts[0] or any(part is not star for part in parts if not isinstance(part, str)):
        return None
    kinds = {(True, True): "contains", (True, False): "endswith", (False, True): "startswith"}
    kind = kinds.get((parts[0] is star, parts[-1] is star))
    return None if kind is None else (kind, texts[0].lower())


def necessary(trees: Sequence[Any], only_field: str | None = None) -> tuple[Atom, ...] | None:
    """Return the atoms of alternative conditions, or None; ``only_field`` takes equalities of that field alone."""
    found: list[Atom] = []
    for tree in trees:
        atoms = _of(tree, only_field)
        if atoms is None or len(found) + len(atoms) > MAX_ATOMS:
            return None
        found += atoms
    return tuple(dict.fromkeys(found))


def conjuncts(trees: Sequence[Any]) -> tuple[tuple[Atom, ...], ...]:
    """Return all conjuncts of alternative conditions, the cheapest first."""
    if len(trees) != 1:
        atoms = necessary(trees)
        return () if atoms is None else (atoms,)
    return tuple(tuple(dict.fromkeys(atoms)) for atoms in sorted(_all(trees[0]), key=_price))


def _all(node: Any) -> list[list[Atom]]:
    if isinstance(node, ConditionAND):
        return [atoms for arg in node.args for atoms in _all(arg)]
    atoms = _of(node, None)
    return [] if atoms is None or len(atoms) > MAX_ATOMS else [atoms]


def _of(node: Any, only: str | None) -> list[Atom] | None:
    match node:
        case ConditionAND():
            parts = [atoms for atoms in (_of(arg, only) for arg in node.args) if atoms is not None]
            return min(parts, key=_price) if parts else None
        case ConditionOR():
            found: list[Atom] = []
            for arg in node.args:
                atoms = _of(arg, only)
                if atoms is None:
                    return None
                found += atoms
            return found
        case ConditionFieldEqualsValueExpression():
            atoms = _of_value(node.field, node.value)
            if only is not None and atoms is not None:
                return atoms if all(atom.kind == "equal" and atom.field == only for atom in atoms) else None
            return atoms
        case ConditionValueExpression() if only is None:
            return _of_keyword(node.value)
    return None


def _of_keyword(value: Any) -> list[Atom] | None:
    if isinstance(value, SigmaExpansion):
        found: list[Atom] = []
        for item in value.values:
            atoms = _of_keyword(item)
            if atoms is None:
                return None
            found += atoms
        return found
    if not isinstance(value, SigmaString):
        return None
    atom = _of_string(ANY_FIELD, value)
    return [Atom("part", ANY_FIELD, atom.value)] if atom.value else None


def _of_value(field: str, value: Any) -> list[Atom] | None:
    match value:
        case SigmaExpansion():
            found: list[Atom] = []
            for item in value.values:
                atoms = _of_value(field, item)
                if atoms is None:
                    return None
                found += atoms
            return found
        case SigmaExists():
            return [Atom("exists", field)] if bool(value) else None
        case SigmaRegularExpression():
            return [Atom("regex", field, regex_source(value))]
        case SigmaTimestampPart() | SigmaCompareExpression() | SigmaCIDRExpression():
            return [Atom("there", field)]
        case SigmaFieldReference() | SigmaBool() | ListReference():
            return [Atom("there", field)]
        case SigmaNumber():
            return [Atom("number", field, norm(float(value.number))), Atom("equal", field, str(value.number))]
        case SigmaString():
            return [_of_string(field, value)]
    return None


def _of_string(field: str, value: SigmaString) -> Atom:
    texts = [part.lower() for part in value.s if isinstance(part, str)]
    if len(texts) == len(value.s) and not isinstance(value, SigmaCasedString):
        return Atom("equal", field, "".join(texts))
    longest = max(texts, key=len, default="")
    return Atom("part", field, longest) if longest else Atom("there", field)


def _price(atoms: list[Atom]) -> float:
    """Roughly how often one of them is true of an event that the rule is not about."""
    return max((_price_of(atom) for atom in atoms), default=0.0) + 0.02 * len(atoms)


def _price_of(atom: Atom) -> float:
    match atom.kind:
        case "equal" | "number":
            return 20.0 if atom.field in _COMMON else 1.0
        case "part":
            return 1.5 if len(atom.value) >= 6 else 6.0 if len(atom.value) >= 3 else 60.0
        case "regex":
            return 30.0
    return 200.0
