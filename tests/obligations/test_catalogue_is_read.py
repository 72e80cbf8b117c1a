"""Every event type of the catalogue is read by something, or says why it is only kept."""

from __future__ import annotations

from engine.events.catalogue import builtin_catalogue
from engine.governance import risks_told
from engine.governance.governance import duty_specs
from engine.governance.matters import matter_specs
from engine.governance.proving import proofs
from infra.processes.base import LedgerFollower
from rules.detection.context import Context
from rules.detection.pack import builtin_contexts, builtin_rules
from tests.support import World


def read_by_data() -> set[str]:
    """What rules, contexts, matters, duties and proofs name."""
    found = {action for rule in builtin_rules() if rule.compiled for action in rule.compiled.actions or ()}
    for it in builtin_contexts():
        found |= {*it.on, *it.attach_to, *it.forget_on} if isinstance(it, Context) else set(it.on)
    for spec in (*matter_specs().values(),):
        found |= set(spec.events)
    for duty in duty_specs().values():
        found |= set(duty.read)
    return found | set(proofs().signs) | set(risks_told.EVENTS)


def test_every_event_type_is_read_or_says_why_it_is_only_kept(world: World) -> None:
    read = read_by_data()
    for stage in world.stages:
        if isinstance(stage, LedgerFollower) and stage.answers is not None:
            read |= stage.answers
    events = builtin_catalogue().events
    assert sorted(name for name in events if name not in read and not events[name].kept) == []
    assert sorted(name for name, it in events.items() if it.kept and name in read) == []


def test_what_matters_and_proofs_read_is_in_the_catalogue() -> None:
    events = builtin_catalogue()
    for spec in matter_specs().values():
        for sign in (*spec.opens, *spec.settles):
            assert sign.event in events.events
            for name in (*spec.key, *sign.where, *sign.needs, *filter(None, (sign.at,))):
                assert name in events.fields or name.startswith("event."), (spec.name, name)
            assert not any(events.is_personal(name) for name in spec.key), spec.name
    for action, signs in proofs().signs.items():
        assert action in events.events
        for obligation, sign in signs:
            for name in (*sign.where, *sign.needs):
                assert name in events.fields or name.startswith("event."), (obligation, name)
