"""Rule files become rules: YAML read safely, parsed and validated by pySigma, parameters filled in, code compiled.

All faults of a set are collected and given together, each with file, line and rule.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import orjson
import yaml
from pydantic import ValidationError
from sigma.exceptions import SigmaError

from rules.detection.lists import Lists
from rules.language.errors import RuleError
from rules.language.model import HouseMeta, Rule
from rules.language.parsing import Filter, parse_filter, parse_rule
from rules.language.yaml_source import load_documents


@dataclass(frozen=True)
class Overlay:
    """What an organisation has put in place of rules of the files, by name: another text, or None for out of force;
    and versions that run beside them in shadow. A text holds one rule."""

    replaced: Mapping[str, str | None] = field(default_factory=dict)
    shadows: Mapping[str, str] = field(default_factory=dict)


SHADOW = "~shadow"
"""What the name of a rule in shadow ends in."""


class RuleSet:
    """Rules by id, with the base rules of correlations by name and id."""

    def __init__(self, rules: Iterable[Rule], lists: Lists | None = None) -> None:
        self.lists = lists if lists is not None else Lists()
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

    @cached_property
    def titles(self) -> Mapping[str, Mapping[str, str]]:
        """What each rule is called in other languages, by its English title."""
        return {rule.title: rule.meta.words for rule in self.rules.values() if rule.meta is not None}

    def __len__(self) -> int:
        return len(self.rules)

    def __iter__(self) -> Any:
        return iter(self.rules.values())

    def fields(self) -> frozenset[str]:
        """Return every field some rule asks for, counts or groups by."""
        found: set[str] = set()
        for rule in self:
            if rule.compiled is not None:
                found |= rule.compiled.fields
            if rule.correlation is not None:
                aliases = rule.correlation.aliases
                for name in (*rule.correlation.group_by, *rule.correlation.fields):
                    found |= set(aliases[name].values()) if name in aliases else {name}
        return frozenset(found)

    def fingerprint(self) -> str:
        """Return one hash over the versions of all rules, the same for the same rules in any order."""
        text = "\n".join(sorted(f"{rule.id}:{rule.version}" for rule in self))
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def load_rules(
    files: Iterable[tuple[str, str]],
    *,
    parameters: Mapping[str, Mapping[str, Any]] | None = None,
    lists: Lists | None = None,
    require_house_block: bool = False,
    overlay: Overlay | None = None,
) -> tuple[RuleSet, list[RuleError]]:
    """Load (name, text) files. Gives the rules that loaded and every fault of those that did not.

    ``parameters`` are an organisation's values by rule name; ``require_house_block`` demands the ``qorgau`` block
    with its tests, as the product's own packs do.
    """
    faults: list[RuleError] = []
    documents: list[tuple[str, int, Any]] = []
    for file, text in files:
        try:
            documents += [(file, line, document) for line, document in load_documents(text, file)]
        except RuleError as fault:
            faults.append(fault)
    if overlay is not None:
        documents = _overlaid(documents, overlay, faults)
    lists = lists if lists is not None else Lists()
    filters = _load_filters(documents, lists, faults)
    rules: list[Rule] = []
    for file, line, document in documents:
        if isinstance(document, dict) and "filter" in document:
            continue
        try:
            rules.append(_loaded(document, file, line, parameters or {}, lists, filters, require_house_block))
        except RuleError as fault:
            faults.append(fault)
    faults += [
        RuleError(f"filter '{held.title}' names '{name}', which is not loaded", file=held.file, line=held.line)
        for held in filters
        for name in held.unused(rules)
    ]
    return RuleSet(_whole(_quiet_base_rules(rules), faults), lists), faults


def one_document(text: str, file: str) -> dict[str, Any]:
    """Read a text that must hold one rule. Raise RuleError."""
    found = load_documents(text, file)
    if len(found) != 1 or not isinstance(found[0][1], dict):
        raise RuleError(f"one rule is needed, here are {len(found)}", file=file, line=1)
    return dict(found[0][1])


def _overlaid(documents: list[tuple[str, int, Any]], overlay: Overlay, faults: list[RuleError]) -> Any:
    kept = [
        (file, line, document)
        for file, line, document in documents
        if not (isinstance(document, dict) and document.get("name") in overlay.replaced)
    ]
    for name, text in (*overlay.replaced.items(), *((name + SHADOW, text) for name, text in overlay.shadows.items())):
        if text is None:
            continue
        try:
            document = one_document(text, f"rulebook:{name}")
        except RuleError as fault:
            faults.append(fault)
            continue
        if name.endswith(SHADOW):
            document.update(name=name, id=str(uuid5(NAMESPACE_URL, f"{document.get('id')}{SHADOW}")))
        kept.append((f"rulebook:{name}", 1, document))
    return kept


def _load_filters(documents: list[tuple[str, int, Any]], lists: Lists, faults: list[RuleError]) -> list[Filter]:
    filters = []
    for file, line, document in documents:
        if isinstance(document, dict) and "filter" in document:
            try:
                with _located(f"filter '{str(document.get('title', ''))[:120]}'", file, line):
                    filters.append(parse_filter(document, lists, file, line))
            except RuleError as fault:
                faults.append(fault)
    return filters


def _whole(rules: list[Rule], faults: list[RuleError]) -> list[Rule]:
    """Leave out rules whose id stands twice, that correlate what is not there, or that feed themselves."""
    good: list[Rule] = []
    ids: set[str] = set()
    for rule in rules:
        if rule.id in ids:
            faults.append(RuleError(f"the rule id '{rule.id}' stands twice", file=rule.file, line=rule.line))
        else:
            ids.add(rule.id)
            good.append(rule)
    while True:
        known = {rule.id for rule in good} | {rule.name for rule in good}
        lame = [r for r in good if r.correlation and any(ref not in known for ref in r.correlation.rules)]
        lame += [r for r in good if r not in lame and _feeds_itself(r, good)]
        if not lame:
            return good
        for rule in lame:
            missing = [ref for ref in (rule.correlation.rules if rule.correlation else ()) if ref not in known]
            what = f"correlates '{missing[0]}', which is not loaded" if missing else "correlates itself in a circle"
            faults.append(RuleError(f"rule '{rule.title}' {what}", file=rule.file, line=rule.line))
        out = {rule.id for rule in lame}
        good = [rule for rule in good if rule.id not in out]


def _feeds_itself(rule: Rule, rules: list[Rule]) -> bool:
    if rule.correlation is None:
        return False
    by_reference = {rule.name: rule for rule in rules} | {rule.id: rule for rule in rules}
    seen: set[str] = set()
    ahead = list(rule.correlation.rules)
    while ahead:
        base = by_reference.get(ahead.pop())
        if base is None or base.id in seen:
            continue
        if base.id == rule.id:
            return True
        seen.add(base.id)
        ahead += base.correlation.rules if base.correlation else ()
    return False


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


_KEPT: dict[bytes, Rule] = {}
_MOST_KEPT = 2_000


def _loaded(
    document: Any, file: str, line: int, parameters: Mapping[str, Mapping[str, Any]], lists: Lists,
    filters: list[Filter], require_house_block: bool,
) -> Rule:  # fmt: skip
    """Load a rule, or return what the same document was loaded to before.

    A rule is frozen and depends on nothing but its document and parameters unless it names a list or a filter is laid
    over it; those are always loaded, because lists and filters belong to the set they are loaded for.
    """
    name = str(document.get("name") or document.get("id") or "") if isinstance(document, dict) else ""
    try:
        text = orjson.dumps((file, line, document, parameters.get(name), require_house_block))
    except TypeError:
        text = b"expand"
    if filters or b"expand" in text or not name:
        return _load_one(document, file, line, parameters, lists, filters, require_house_block)
    key = hashlib.sha256(text).digest()
    rule = _KEPT.get(key)
    if rule is None:
        rule = _load_one(document, file, line, parameters, lists, filters, require_house_block)
        if len(_KEPT) >= _MOST_KEPT:
            _KEPT.clear()
        _KEPT[key] = rule
    return rule


def _load_one(
    document: Any,
    file: str,
    line: int,
    parameters: Mapping[str, Mapping[str, Any]],
    lists: Lists,
    filters: list[Filter],
    require_house_block: bool,
) -> Rule:
    if not isinstance(document, dict):
        raise RuleError("a rule is a YAML mapping", file=file, line=line)
    title = str(document.get("title", ""))[:120]
    with _located(f"rule '{title}'", file, line):
        meta = HouseMeta.model_validate(document["qorgau"]) if "qorgau" in document else None
        if require_house_block and (meta is None or meta.tests is None) and not _is_base(document):
            raise RuleError("the 'qorgau' block with positive and negative tests is missing")
        body = {key: value for key, value in document.items() if key != "qorgau"}
        name = str(document.get("name") or document.get("id") or title)
        if meta is not None:  # ``${…}`` is ordinary text in rules from elsewhere
            body = _fill(body, _values(meta, parameters.get(name, {})))
        return parse_rule(body, name, meta, lists, filters).model_copy(
            update={"file": file, "line": line, "text": _logic(body)}
        )


@contextmanager
def _located(what: str, file: str, line: int) -> Iterator[None]:
    """Say of every fault inside where it lies."""
    try:
        yield
    except RuleError as fault:
        raise RuleError(f"{what}: {fault.message}", file=file, line=line) from None
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise RuleError(f"{what}: {first['msg']}", file=file, line=line, field=f"qorgau.{where}") from None
    except (SigmaError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        text = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
        raise RuleError(f"{what}: {text}", file=file, line=line) from None


def _logic(body: Mapping[str, Any]) -> str:
    """The part of a rule that decides, with its parameters filled in, for people to read."""
    part = {key: body[key] for key in ("correlation", "detection") if key in body}
    return str(yaml.dump(part, Dumper=yaml.CSafeDumper, allow_unicode=True, sort_keys=False, width=100))


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
