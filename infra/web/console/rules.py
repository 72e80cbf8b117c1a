"""The console's pages of rules and lists: what is in force, its versions, tuning, approval, roll-back; and why a rule
matched an event or did not."""

from __future__ import annotations

import difflib
from typing import Any

import yaml
from fastapi import APIRouter, Request
from fastapi.responses import Response

from engine.events.envelope import SecurityEvent
from engine.governance.register import builtin_register
from engine.kernel.errors import NotFound
from engine.permissions import may
from engine.rule_life.rules import RuleLife, rule_id
from infra.app.container import Container
from infra.read.rows import incidents
from infra.read.rows.rules import lists as lists_changed
from infra.read.rows.rules import rules as rules_changed
from infra.store.models.rules import ListRow
from infra.web.console.forms import LISTS, RULES, answered
from infra.web.context import CheckedForm, TheContainer, TheSession, page
from reports.messages import say
from reports.phrases import titled
from rules.detection.context import ContextMemory
from rules.detection.loader import one_document
from rules.detection.pack import builtin_contexts
from rules.language.model import Rule
from rules.quality.explain import Explanation, Reason, bases_of, explain

router = APIRouter(include_in_schema=False)


@router.get("/rules")
def show_rules(request: Request, container: TheContainer, session: TheSession) -> Response:
    """The rules in force, and what waits for a second person."""
    found = incidents.by_rule(container.database)
    ruleset = container.rules
    rules = sorted((r for r in ruleset if r.raises_findings and not r.in_shadow), key=lambda r: r.name)
    lives = rules_changed(container.database)
    retired = [name for name, row in lives.items() if row.in_force == ""]
    return page(
        request, "rules.html", session, rules=rules, found=found, lives=lives, retired=retired,
        fault=container.rulebook.fault, title=say("Rules"),
    )  # fmt: skip


@router.get("/rules/{name}")
def show_rule(request: Request, container: TheContainer, session: TheSession, name: str) -> Response:
    """One rule with its parameters, versions, duties and tests."""
    ruleset = container.rules
    rule = ruleset.by_reference.get(name)
    life = container.decisions.load(RuleLife, rule_id(name))
    if rule is None and not life.id:
        raise NotFound("there is no such rule")
    register = builtin_register()
    meta = rule.meta if rule else None
    duties = [(o, register.citation(o)) for o in (meta.obligations if meta else ()) if o in register]
    rows = incidents.of_rule(container.database, name)
    references = rule.correlation.rules if rule and rule.correlation else ()
    bases = [ruleset.by_reference[reference] for reference in references]
    values = container.settings.rule_parameters.get(name, {})
    changes = _changes(container, name, life)
    return page(
        request, "rule.html", session, rule=rule, rule_name=name, life=life, bases=bases, duties=duties, rows=rows,
        values=values, changes=changes, title=titled(rule.title, container.rules.titles) if rule else name,
    )  # fmt: skip


def _changes(container: Container, name: str, life: RuleLife) -> dict[str, list[str]]:
    """Give, for each version made here, the lines in which it differs from what is in force."""
    try:
        now = _yaml(container.rulebook.document(name))
    except NotFound:
        now = []
    return {
        draft.version: [
            line
            for line in difflib.unified_diff(now, _yaml(one_document(draft.text, "draft")), lineterm="", n=1)
            if not line.startswith(("---", "+++", "@@"))
        ]
        for draft in life.drafts.values()
    }


def _yaml(document: dict[str, Any]) -> list[str]:
    return str(yaml.safe_dump(document, allow_unicode=True, sort_keys=False, width=110)).splitlines()


@router.post("/rules/{name}/{act}")
def act_on_rule(
    request: Request, container: TheContainer, session: TheSession, form: CheckedForm, name: str, act: str
) -> Response:
    """One act on a rule."""
    return answered(request, container, session, RULES.get(act), f"/rules/{name}", form, name=name)


@router.get("/lists")
def show_lists(request: Request, container: TheContainer, session: TheSession) -> Response:
    """The lists that rules name; entries that say who somebody is are not shown."""
    held = lists_changed(container.database)
    rows = []
    for it in container.rulebook.definitions.values():
        row = held.get(it.name) or ListRow("", it.name, 0, len(it.entries), 0, "", 0)
        entries = () if it.personal else sorted(container.rulebook.entries(it.name, row.in_force))
        users = sorted(rule.name for rule in container.rules if f"%{it.name}%" in rule.text)
        changes = _waiting_changes(container, row) if row.waiting and may("decide-list", session.person) else None
        rows.append({"it": it, "row": row, "entries": entries, "users": users, "changes": changes})
    return page(request, "lists.html", session, rows=rows, title=say("Lists"))


def _waiting_changes(container: Container, row: ListRow) -> dict[str, list[str]]:
    """Return what the version that waits adds and removes, for whom decides it: nobody agrees to what he cannot see."""
    held = container.rulebook.entries(row.name, row.in_force)
    new = container.rulebook.entries(row.name, row.waiting)
    return {"added": sorted(new - held), "removed": sorted(held - new)}


@router.post("/lists/{name}/{act}")
def act_on_list(
    request: Request, container: TheContainer, session: TheSession, form: CheckedForm, name: str, act: str
) -> Response:
    """One act on a list."""
    return answered(request, container, session, LISTS.get(act), "/lists", form, name=name)


def explanations(container: Container, event: SecurityEvent, asked: str) -> dict[str, Any]:
    """Return the rules that concern an event and, of the one asked for, why it matches or not.

    What contexts knew when the event came is not kept; a condition on it is told as it would be with nothing known.
    """
    ruleset = container.rules
    concerned = sorted(
        {rule.name for rule in ruleset if rule.compiled and event.action in rule.compiled.actions}
        | {rule.name for rule in ruleset if rule.correlation and _counts(rule, event.action, ruleset.by_reference)}
    )
    told: list[Explanation] = []
    if asked in ruleset.by_reference:
        known = ContextMemory(builtin_contexts()).known(event.fields, event.at.timestamp())
        for base in bases_of(ruleset.by_reference[asked], ruleset.by_reference):
            told.append(_masked(explain(base, {**event.fields, **known}), container))
    return {"rules": concerned, "asked": asked, "told": told}


def _counts(rule: Rule, action: str, by_reference: dict[str, Rule]) -> bool:
    return any(base.compiled and action in base.compiled.actions for base in bases_of(rule, by_reference))


def _masked(told: Explanation, container: Container) -> Explanation:
    return told.model_copy(update={"condition": _hide(told.condition, container), "decided": ()})


def _hide(reason: Reason, container: Container) -> Reason:
    """Personal values are named and not shown."""
    hidden = reason.field and container.catalogue.is_personal(reason.field) and reason.value != "(absent)"
    parts = tuple(_hide(part, container) for part in reason.parts)
    return reason.model_copy(update={"parts": parts, **({"value": "(personal)"} if hidden else {})})
