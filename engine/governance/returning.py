"""Returning duties as other systems tell of them: the whole of one at once, or one by one until none is left.

An event that names neither what was done nor for whom, or that says it failed, does nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from engine.governance.facts import DutyDone, MemberDone, MemberGone, MemberKnown
from engine.governance.governance import Duty, DutySpec, MemberSign, duty_id
from engine.kernel.facts import Fact


def told(
    duty: Duty, spec: DutySpec, fields: Mapping[str, Any], day: date, *, evidence: str, by: str, at: datetime
) -> Sequence[Fact]:
    """Record what an event says of a returning duty on a day."""
    key = duty_id(spec.key)
    if any(sign.meets(fields) for sign in spec.done_by):
        return [] if any(it.done_on == day for it in duty.done) else [_done(spec, day, evidence, by, at)]
    facts: list[Fact] = []
    gone, known = _named(spec.leave, fields), _named(spec.members, fields)
    done = _named(spec.each, fields)
    facts += [MemberGone(at=at, actor=by, duty_id=key, key=spec.key, member=it) for it in gone if it in duty.members]
    facts += [
        MemberKnown(at=at, actor=by, duty_id=key, key=spec.key, member=it) for it in known if it not in duty.members
    ]
    members = {name: when for name, when in duty.members.items() if name not in gone}
    members |= {name: None for name in known if name not in members}
    for name in done:
        before = members.get(name)
        if name in members and (before is None or before < day):
            members[name] = day
            facts.append(
                MemberDone(at=at, actor=by, duty_id=key, key=spec.key, member=name, done_on=day, evidence=evidence)
            )
    days = [when for when in members.values() if when is not None]
    if (done or gone) and members and len(days) == len(members):
        oldest = min(days)
        if duty.last_on is None or oldest > duty.last_on:
            facts.append(_done(spec, oldest, f"all {len(members)}, the last by {evidence}", by, at))
    return facts


def _done(spec: DutySpec, day: date, evidence: str, by: str, at: datetime) -> DutyDone:
    return DutyDone(at=at, actor=by, duty_id=duty_id(spec.key), key=spec.key, done_on=day, evidence=evidence)


def _named(signs: Sequence[MemberSign], fields: Mapping[str, Any]) -> list[str]:
    """Return those an event names."""
    found: dict[str, None] = {}
    for sign in signs:
        value = fields.get(sign.key)
        if sign.meets(fields) and value not in (None, "", []):
            for part in value if isinstance(value, list | tuple) else (value,):
                found[str(part)] = None
    return list(found)
