"""Handlers of what people ask of the organisation's own wording."""

from __future__ import annotations

from engine.handlers.register import handles, in_unit
from engine.kernel.commands import DONE, Outcome
from engine.kernel.errors import InputError
from engine.kernel.facts import Person
from engine.notices import wording
from engine.notices.commands import DecideWording, ProposeWording, RollBackWording
from engine.notices.wording import TemplateLife, template_id
from infra.commands.desk import Desk, Work
from infra.commands.wordbook import known
from reports.wording import template_of


@handles(ProposeWording)
def propose(desk: Desk, command: ProposeWording, by: Person) -> Outcome:
    """Try a wording on an example, then propose it. Raise TemplateError naming line and field."""
    kind, language = command.kind, command.language
    known(kind, language)
    product = template_of(kind, language)
    strange = sorted(set(command.fields) - set(product))
    if strange:
        raise InputError("'{kind}' has no fields {strange}", field="fields", kind=kind, strange=str(strange))
    changed = {name: text for name, text in command.fields.items() if text != product[name]}
    if not changed:
        raise InputError("this is the product's own wording", field="fields")
    desk.wordbook.try_out(kind, language, changed)
    key = template_id(kind, language)
    with desk.work(by) as work:
        life = work.unit.load(TemplateLife, key)
        facts = wording.propose(life, kind, language, changed, command.reason, by=by, at=work.at)
        work.record(TemplateLife, key, facts)
    return DONE


@in_unit(DecideWording)
def decide(work: Work, command: DecideWording) -> Outcome:
    """Put the waiting wording in force as a second person, or refuse it."""
    key = template_id(command.kind, command.language)
    life = work.unit.load(TemplateLife, key)
    facts = wording.decide(life, command.agreed, command.reason, by=work.by, at=work.at, seen=command.version)
    work.record(TemplateLife, key, facts)
    return DONE


@in_unit(RollBackWording)
def roll_back(work: Work, command: RollBackWording) -> Outcome:
    """Go back to the wording before, at once."""
    key = template_id(command.kind, command.language)
    life = work.unit.load(TemplateLife, key)
    work.record(TemplateLife, key, wording.roll_back(life, command.reason, by=work.by, at=work.at))
    return DONE
