"""Rule files become rules: YAML read safely, parsed and validated by pySigma, parameters filled in, code compiled.

All faults of a set are collected and given together, each with file, line and rule.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

import yaml
from pydantic import ValidationError
from sigma.correlations import SigmaCorrelationCondition, SigmaCorrelationRule
from sigma.exceptions import SigmaError
from sigma.rule import SigmaRule

from rules.compiler import compile_rule
from rules.errors import RuleError
from rules.model import Correlation, HouseMeta, Rule
from rules.yamlio import load_documents

Lists = Mapping[str, tuple[str, ...]]
SUPPORTED_CORRELATIONS = (
    "event_count",
    "value_count",
    "temporal",
    "temporal_ordered",
    "value_sum",
    "value_avg",
    "value_percentile",
    "value_median",
)


class RuleSet:
    """Rules by id, with the base rules of correlations by name and id."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        self.rules: dict[str, Rule] = {}
        self.by_reference: dict[str, Rule] = {}
        for rule in rules:
            if rule.id in self.rules:
                raise RuleError(f"the rule id '{rule.id}' stands twice", file=rule.file, line=rule.line)
            self.rules[rule.id] = rule
            self.by_reference[rule.id] = rule
            self.by_reference.setdefault(rule.name, rule)
        self._check_references()

    def _check_references(self) -> None:
        for rule in self.rules.values():
            for reference in rule.correlation.rules if rule.correlation else ():
                if reference not in self.by_reference:
                    raise RuleError(
                        f"rule '{rule.title}' correlates '{reference}', which is not loaded",
                        file=rule.file,
                        line=rule.line,
                    )

    def __len__(self) -> int:
        return len(self.rules)

    def __iter__(self) -> Any:
        return iter(self.rules.values())

    def fields(self) -> frozenset[str]:
        """Give every field some rule asks for, counts or groups by."""
        found: set[str] = set()
        for rule in self:
            if rule.compiled is not None:
                found |= rule.compiled.fields
            if rule.correlation is not None:
                aliases = rule.correlation.aliases
                named = [*rule.correlation.group_by, *([rule.correlation.field] if rule.correlation.field else [])]
                for name in named:
                    found |= set(aliases[name].values()) if name in aliases else {name}
        return frozenset(found)

    def fingerprint(self) -> str:
        """Give one hash over the versions of all rules, the same for the same rules in any order."""
        text = "\n".join(sorted(f"{rule.id}:{rule.version}" for rule in self))
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def load_rules(
    files: Iterable[tuple[str, str]],
    *,
    parameters: Mapping[str, Mapping[str, Any]] | None = None,
    lists: Lists | None = None,
    require_house_block: bool = False,
) -> tuple[RuleSet, list[RuleError]]:
    """Load (name, text) files. Gives the rules that loaded and every fault of those that did not.

    ``parameters`` are an organisation's values by rule name; ``require_house_block`` demands the ``qorgau`` block
    with its tests, as the product's own packs do.
    """
    rules: list[Rule] = []
    faults: list[RuleError] = []
    for file, text in files:
        try:
            documents = load_documents(text, file)
        except RuleError as fault:
            faults.append(fault)
            continue
        for line, document in documents:
            try:
                rules.append(_load_one(document, file, line, parameters or {}, lists or {}, require_house_block))
            except RuleError as fault:
                faults.append(fault)
    rules = _quiet_base_rules(rules)
    good: list[Rule] = []
    known = {rule.id for rule in rules} | {rule.name for rule in rules}
    for rule in rules:
        missing = [ref for ref in (rule.correlation.rules if rule.correlation else ()) if ref not in known]
        if missing:
            message = f"rule '{rule.title}' correlates '{missing[0]}', which is not loaded"
            faults.append(RuleError(message, file=rule.file, line=rule.line))
        elif any(rule.id == other.id for other in good):
            faults.append(RuleError(f"the rule id '{rule.id}' stands twice", file=rule.file, line=rule.line))
        else:
            good.append(rule)
    return RuleSet(good), faults


def _quiet_base_rules(rules: list[Rule]) -> list[Rule]:
    """A rule that a correlation counts raises no finding of its own unless the correlation says ``generate``."""
    silent = {
        reference
        for rule in rules
        if rule.correlation and not rule.correlation.generate
        for reference in rule.correlation.rules
    }
    return [
        rule.model_copy(update={"raises_findings": False}) if rule.id in silent or rule.name in silent else rule
        for rule in rules
    ]


def _load_one(
    document: Any,
    file: str,
    line: int,
    parameters: Mapping[str, Mapping[str, Any]],
    lists: Lists,
    require_house_block: bool,
) -> Rule:
    if not isinstance(document, dict):
        raise RuleError("a rule is a YAML mapping", file=file, line=line)
    title = str(document.get("title", ""))[:120]
    try:
        meta = HouseMeta.model_validate(document["qorgau"]) if "qorgau" in document else None
        if require_house_block and (meta is None or meta.tests is None) and not _is_base(document):
            raise RuleError("the 'qorgau' block with positive and negative tests is missing")
        body = {key: value for key, value in document.items() if key != "qorgau"}
        name = str(document.get("name") or document.get("id") or title)
        if meta is not None:  # ``${…}`` is ordinary text in rules from elsewhere
            body = _fill(body, _values(meta, parameters.get(name, {})))
        digest = hashlib.sha256(json.dumps(body, sort_keys=True, default=str).encode()).hexdigest()[:12]
        return _parse(body, name, digest, meta, lists).model_copy(
            update={"file": file, "line": line, "text": _logic(body)}
        )
    except RuleError as fault:
        raise RuleError(f"rule '{title}': {fault.message}", file=file, line=line) from None
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise RuleError(f"rule '{title}': {first['msg']}", file=file, line=line, field=f"qorgau.{where}") from None
    except (SigmaError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        text = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
        raise RuleError(f"rule '{title}': {text}", file=file, line=line) from None


def _logic(body: Mapping[str, Any]) -> str:
    """The part of a rule that decides, with its parameters filled in, for people to read."""
    part = {key: body[key] for key in ("correlation", "detection") if key in body}
    return str(yaml.safe_dump(part, allow_unicode=True, sort_keys=False, width=100))


def _is_base(document: Mapping[str, Any]) -> bool:
    return document.get("level") in (None, "informational") and "correlation" not in document


def _values(meta: HouseMeta | None, chosen: Mapping[str, Any]) -> dict[str, Any]:
    known = meta.parameters if meta else {}
    for name, value in chosen.items():
        if name not in known:
            raise RuleError(f"there is no parameter '{name}'")
        spec = known[name]
        if isinstance(value, int | float) and (
            (spec.min is not None and value < spec.min) or (spec.max is not None and value > spec.max)
        ):
            raise RuleError(f"parameter '{name}' = {value} lies outside {spec.min} to {spec.max} {spec.unit}")
    return {name: chosen.get(name, spec.default) for name, spec in known.items()}


def _fill(node: Any, values: Mapping[str, Any]) -> Any:
    """Put parameters where the rule says ``${name}``."""
    if isinstance(node, dict):
        return {key: _fill(value, values) for key, value in node.items()}
    if isinstance(node, list):
        return [_fill(value, values) for value in node]
    if isinstance(node, str) and node.startswith("${") and node.endswith("}"):
        name = node[2:-1]
        if name not in values:
            raise RuleError(f"'{node}' names a parameter that is not declared")
        return values[name]
    return node


def _parse(body: dict[str, Any], name: str, version: str, meta: HouseMeta | None, lists: Lists) -> Rule:
    if "filter" in body:
        raise RuleError("Sigma filters are not supported yet; put the exception into the rule")
    common: dict[str, Any] = {"name": name, "version": version, "meta": meta, "file": "", "line": 0}
    if "correlation" in body:
        return _parse_correlation(SigmaCorrelationRule.from_dict(body), common)
    rule = SigmaRule.from_dict(body)
    if lists:
        _expand_lists(rule, lists)
    return Rule(
        **common,
        **_identity(rule),
        product=rule.logsource.product,
        compiled=compile_rule(rule),
    )


def _identity(rule: Any) -> dict[str, Any]:
    return {
        "id": str(rule.id) if rule.id else str(rule.name or rule.title),
        "title": rule.title,
        "level": rule.level.name.lower() if rule.level else "informational",
        "description": rule.description or "",
        "tags": tuple(str(tag) for tag in rule.tags),
        "falsepositives": tuple(rule.falsepositives or ()),
    }


def _parse_correlation(rule: SigmaCorrelationRule, common: dict[str, Any]) -> Rule:
    kind = rule.type.name.lower()
    if kind not in SUPPORTED_CORRELATIONS:
        raise RuleError(f"correlation type '{kind}' is not supported")
    condition = rule.condition
    if not isinstance(condition, SigmaCorrelationCondition):
        raise RuleError("extended correlation conditions (and, or, not over rules) are not supported yet")
    op = condition.op.name.lower()
    if op not in ("gte", "gt", "eq"):
        raise RuleError(
            f"condition '{op}' can only be judged when a window has ended; a stream supports gte, gt and eq"
        )
    if isinstance(condition.fieldref, list):
        raise RuleError("a condition over several fields is not supported yet")
    correlation = Correlation(
        type=kind,
        rules=tuple(reference.reference for reference in rule.rules or ()),
        group_by=tuple(rule.group_by or ()),
        window_s=float(rule.timespan.seconds),
        op=op,
        count=condition.count,
        field=condition.fieldref,
        percentile=condition.percentile,
        generate=bool(rule.generate),
        aliases={
            alias.alias: {reference.reference: field for reference, field in alias.mapping.items()}
            for alias in rule.aliases
        },
    )
    return Rule(**common, **_identity(rule), correlation=correlation)


def _expand_lists(rule: SigmaRule, lists: Lists) -> None:
    """Replace ``%name%`` of the expand modifier by the entries of the list of that name."""
    from sigma.types import Placeholder, SigmaString

    def walk(detection: Any) -> None:
        for item in detection.detection_items:
            if hasattr(item, "detection_items"):
                walk(item)
                continue
            values: list[Any] = []
            for value in item.value:
                if isinstance(value, SigmaString) and value.contains_placeholder():
                    values += value.replace_placeholders(
                        lambda p: iter(lists.get(p.name, ())) if isinstance(p, Placeholder) else iter(())
                    )
                else:
                    values.append(value)
            item.value = values

    for detection in rule.detection.detections.values():
        walk(detection)
