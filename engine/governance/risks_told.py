"""Risks that other systems tell of stand in the registers of risks, with the highest of their scores (PROcredit 22)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from engine.governance.facts import Book, RiskEntered, RiskScored
from engine.governance.governance import LEVELS, Risk, risk_id
from engine.kernel.facts import Fact

EVENTS: Mapping[str, Book] = {"fraud.risk.registered": "fraud", "isms.risk.assessed": "asset"}


def risk_of(fields: Mapping[str, Any]) -> tuple[Book, str] | None:
    """Return the register and the name of the risk an event is about, None where it names none."""
    book = EVENTS.get(str(fields.get("event.action")))
    name = fields.get("mfo.risk.id")
    return None if book is None or not isinstance(name, str) or not name.strip() else (book, name.strip())


def told(risk: Risk, fields: Mapping[str, Any], *, by: str, at: datetime) -> Sequence[Fact]:
    """Record what an event says of a risk; what it does not say stays empty."""
    named = risk_of(fields)
    if named is None:
        return []
    book, name = named
    key = risk_id(book, name)
    entry = RiskEntered(
        at=at, actor=by, risk_id=key, book=book, name=name,
        asset=_text(fields, "mfo.asset.id"),
        threat=_text(fields, "mfo.risk.threat", "mfo.risk.category"),
        source=_text(fields, "mfo.risk.source", "mfo.risk.indicators"),
        vulnerability=_text(fields, "mfo.risk.vulnerability"), controls=_text(fields, "mfo.risk.mitigation"),
        owner=_text(fields, "mfo.risk.owner"),
    )  # fmt: skip
    held = risk.entered
    facts: list[Fact] = []
    if held is None or held.model_copy(update={"at": at, "actor": by}) != entry:
        facts.append(entry)
    likelihood = _highest(fields, "mfo.risk.likelihood", "mfo.risk.expert_scores")
    loss = _highest(fields, "mfo.risk.impact", "mfo.risk.loss")
    known = risk.scores.get(by)
    if likelihood and loss and (known is None or (known.likelihood, known.confidentiality) != (likelihood, loss)):
        facts.append(
            RiskScored(
                at=at, actor=by, risk_id=key, expert=by, likelihood=likelihood, confidentiality=loss, integrity=loss,
                availability=loss,
            )
        )  # fmt: skip
    return facts


def _text(fields: Mapping[str, Any], *names: str) -> str:
    value = next((fields[name] for name in names if fields.get(name) not in (None, "", [])), "")
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _highest(fields: Mapping[str, Any], *names: str) -> int:
    """Return the highest level that these fields name, 0 where none does: several experts may have scored."""
    found = []
    for name in names:
        value = fields.get(name)
        found += [int(one) for one in (value if isinstance(value, list | tuple) else (value,)) if _level(one)]
    return max(found, default=0)


def _level(value: Any) -> bool:
    text = str(value)
    return text.isascii() and text.isdigit() and int(text) in LEVELS
