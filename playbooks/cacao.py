"""Reading a CACAO 2.0 playbook: bounded JSON, the OASIS schemas, then the references the schemas cannot check.

The public schemas let dangling references and typing errors pass, so the second pass decides. A command that the
engine cannot carry out itself becomes a task for a person and is reported as a warning; it is never skipped.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from functools import lru_cache
from importlib import resources
from typing import Any, Literal, get_args

from jsonschema import Draft7Validator
from pydantic import BaseModel, ConfigDict
from referencing import Registry, Resource

from engine.kernel.errors import InputError
from playbooks.conditions import parse as parse_condition

StepKind = Literal["start", "end", "action", "if-condition", "parallel"]
SUPPORTED_STEPS: tuple[StepKind, ...] = get_args(StepKind)
OWN_COMMANDS = ("manual", "http-api")
MAX_BYTES = 1024 * 1024
MAX_DEPTH = 40
EXTENSION = "extension-definition--7b1f6a52-3f4d-5c7e-9a0b-1d2c3e4f5a6b"
"""Our step extension: ``measure`` (containment, cause, consequence, recovery), ``roles``, ``order``."""
_NEXT = ("on_completion", "on_success", "on_failure", "on_true", "on_false")
_BASE = "https://raw.githubusercontent.com/oasis-open/cacao-json-schemas/main/schemas/"
_STEP_TYPES = (
    "start",
    "end",
    "action",
    "playbook-action",
    "parallel",
    "if-condition",
    "while-condition",
    "switch-condition",
)


class Finding(BaseModel):
    """One thing found in a playbook: ``error`` refuses it, ``warning`` is for its author."""

    model_config = ConfigDict(frozen=True)
    level: Literal["error", "warning"]
    pointer: str
    message: str


class Playbook(BaseModel):
    """A playbook that may be run; ``digest`` pins the exact document (SHA-256 of its bytes)."""

    model_config = ConfigDict(frozen=True)
    id: str
    name: str
    description: str
    modified: str
    digest: str
    labels: tuple[str, ...]
    start: str
    workflow: dict[str, dict[str, Any]]
    variables: dict[str, Any]

    def step(self, step_id: str) -> dict[str, Any]:
        """Return one step."""
        return self.workflow[step_id]

    def kind(self, step_id: str) -> StepKind:
        """Return the kind of a step; reading refuses every other."""
        kind: StepKind = self.workflow[step_id]["type"]
        return kind

    def extension(self, step_id: str) -> Mapping[str, Any]:
        """Return our extension of a step, empty when it has none."""
        found = self.workflow[step_id].get("step_extensions", {}).get(EXTENSION, {})
        return found if isinstance(found, dict) else {}

    def order_of(self, step_id: str) -> str:
        """Return the order that a step carries out, also by hand when its channel failed; empty where there is none."""
        steps = [step_id, *(it for it, step in self.workflow.items() if step.get("on_failure") == step_id)]
        return next((str(order) for it in steps if (order := self.extension(it).get("order"))), "")

    def is_manual(self, step_id: str) -> bool:
        """Say whether a person carries the step out."""
        commands = self.workflow[step_id].get("commands", ())
        return any(command.get("type") != "http-api" for command in commands)


def read(text: str | bytes, file: str = "playbook") -> tuple[Playbook | None, list[Finding]]:
    """Read a playbook; return it, or None when any finding is an error. Never raises for bad content."""
    raw = text.encode() if isinstance(text, str) else text
    try:
        document = _load(raw, file)
    except InputError as error:
        return None, [Finding(level="error", pointer="", message=error.message)]
    findings = list(_schema_findings(document)) + list(_semantic_findings(document))
    if any(finding.level == "error" for finding in findings):
        return None, findings
    variables = document.get("playbook_variables", {})
    playbook = Playbook(
        id=document["id"],
        name=document["name"],
        description=document.get("description", ""),
        modified=document["modified"],
        digest=hashlib.sha256(raw).hexdigest(),
        labels=tuple(document.get("labels", ())),
        start=document["workflow_start"],
        workflow=document["workflow"],
        variables={name: _typed(spec) for name, spec in variables.items()},
    )
    return playbook, findings


def _typed(spec: Mapping[str, Any]) -> Any:
    value = spec.get("value")
    if isinstance(value, str) and spec.get("type") in ("integer", "long"):
        return int(value)
    if isinstance(value, str) and spec.get("type") == "bool":
        return value.lower() == "true"
    return value


def _load(raw: bytes, file: str) -> dict[str, Any]:
    if len(raw) > MAX_BYTES:
        raise InputError(f"a playbook has at most {MAX_BYTES} bytes", file=file)

    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        if len(dict(items)) != len(items):
            raise InputError("the same key stands twice in one object", file=file)
        return dict(items)

    try:
        document = json.loads(raw.decode("utf8"), object_pairs_hook=pairs)
    except json.JSONDecodeError as error:
        raise InputError(f"not JSON: {error.msg}", file=file, line=error.lineno) from None
    except (UnicodeDecodeError, RecursionError, ValueError) as error:
        raise InputError(f"not JSON: {type(error).__name__}", file=file) from None
    if not isinstance(document, dict):
        raise InputError("a playbook is a JSON object", file=file)
    if _depth(document) > MAX_DEPTH:
        raise InputError(f"nested deeper than {MAX_DEPTH} levels", file=file)
    return document


def _depth(value: Any) -> int:
    level, layer = 0, [value]
    while layer:
        level += 1
        layer = [
            part
            for node in layer
            for part in (node.values() if isinstance(node, dict) else node)
            if isinstance(part, dict | list)
        ]
    return level


@lru_cache(maxsize=1)
def _validator() -> Draft7Validator:
    root = resources.files("playbooks") / "schemas"
    found: list[tuple[str, Resource[Any]]] = []

    def walk(folder: Any) -> None:
        for entry in sorted(folder.iterdir(), key=lambda e: e.name):
            if entry.is_dir():
                walk(entry)
            elif entry.name.endswith(".json"):
                content = json.loads(entry.read_text(encoding="utf8"))
                found.append((content["$id"], Resource.from_contents(content)))

    walk(root)
    registry: Registry[Any] = Registry().with_resources(found)
    return Draft7Validator(registry.contents(_BASE + "playbook.json"), registry=registry)


def _schema_findings(document: dict[str, Any]) -> Iterator[Finding]:
    for error in sorted(_validator().iter_errors(document), key=lambda e: list(map(str, e.absolute_path)))[:50]:
        pointer = "/" + "/".join(str(part) for part in error.absolute_path)
        yield Finding(level="error", pointer=pointer, message=f"{error.message[:200]} (CACAO schema)")


def _semantic_findings(document: dict[str, Any]) -> Iterator[Finding]:
    workflow = document.get("workflow")
    if not isinstance(workflow, dict) or not all(isinstance(step, dict) for step in workflow.values()):
        return
    start = document.get("workflow_start")
    if start not in workflow or workflow[start].get("type") != "start":
        yield _error("/workflow_start", "does not name a step of type start")
    if sum(step.get("type") == "start" for step in workflow.values()) != 1:
        yield _error("/workflow", "there must be exactly one step of type start")
    exception = document.get("workflow_exception")
    if exception is not None and exception not in workflow:
        yield _error("/workflow_exception", "names a step that does not exist")
    if document.get("revoked") is True:
        yield _error("/revoked", "the playbook is revoked")
    agents = _keys(document, "agent_definitions")
    targets = _keys(document, "target_definitions")
    variables = _keys(document, "playbook_variables")
    for step_id, step in workflow.items():
        yield from _step_findings(step_id, step, workflow, agents, targets, variables)
    yield from _flow_findings(workflow, start, exception)


def _keys(document: Mapping[str, Any], name: str) -> set[str]:
    found = document.get(name, {})
    return set(found) if isinstance(found, dict) else set()


def _error(pointer: str, message: str) -> Finding:
    return Finding(level="error", pointer=pointer, message=message)


def _warning(pointer: str, message: str) -> Finding:
    return Finding(level="warning", pointer=pointer, message=message)


def _step_findings(
    step_id: str,
    step: dict[str, Any],
    workflow: Mapping[str, Any],
    agents: set[str],
    targets: set[str],
    known: set[str],
) -> Iterator[Finding]:
    here = f"/workflow/{step_id}"
    kind = step.get("type")
    if kind not in _STEP_TYPES:
        yield _error(f"{here}/type", f"'{kind}' is not a CACAO step type")
    elif kind not in SUPPORTED_STEPS:
        yield _error(f"{here}/type", f"steps of type {kind} are not supported; use {', '.join(SUPPORTED_STEPS)}")
    if not step_id.startswith(f"{kind}--"):
        yield _error(here, f"the key of a step of type {kind} begins with '{kind}--'")
    if "on_completion" in step and ("on_success" in step or "on_failure" in step):
        yield _error(here, "on_completion excludes on_success and on_failure")
    for name, target in _pointers(step):
        if target not in workflow:
            yield _error(f"{here}/{name}", "names a step that does not exist")
    names = known | _keys(step, "step_variables")
    if kind == "action":
        yield from _action_findings(here, step, agents, targets, names)
    if kind == "if-condition":
        yield from _condition_findings(here, step, names)
    if kind == "parallel" and len(step.get("next_steps", ())) < 1:
        yield _error(f"{here}/next_steps", "a parallel step needs branches")
    if kind == "end" and any(name in step for name in _NEXT):
        yield _error(here, "nothing comes after an end step")
    if kind != "end" and not any(True for _ in _pointers(step)):
        yield _error(here, "the step leads nowhere")


def _action_findings(
    here: str, step: Mapping[str, Any], agents: set[str], targets: set[str], names: set[str]
) -> Iterator[Finding]:
    if step.get("agent") not in agents:
        yield _error(f"{here}/agent", "names an agent that is not defined")
    for index, target in enumerate(step.get("targets", ())):
        if target not in targets:
            yield _error(f"{here}/targets/{index}", "names a target that is not defined")
    for argument in (*step.get("in_args", ()), *step.get("out_args", ())):
        if argument not in names:
            yield _warning(here, f"the variable {argument} is not declared")
    for index, command in enumerate(step.get("commands", ())):
        kind = command.get("type") if isinstance(command, dict) else None
        if kind not in OWN_COMMANDS:
            yield _warning(f"{here}/commands/{index}", f"a command of type {kind} is given to a person, not executed")


def _condition_findings(here: str, step: Mapping[str, Any], names: set[str]) -> Iterator[Finding]:
    try:
        _, used = parse_condition(str(step.get("condition", "")))
    except InputError as error:
        yield _error(f"{here}/condition", error.message)
        return
    for name in sorted(used - names):
        yield _error(f"{here}/condition", f"the variable {name} is not declared")


def _pointers(step: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name in _NEXT:
        if name in step:
            yield name, str(step[name])
    following = step.get("next_steps", ())
    for index, target in enumerate(following if isinstance(following, list) else ()):
        yield f"next_steps/{index}", str(target)


def _flow_findings(workflow: Mapping[str, Any], start: Any, exception: Any) -> Iterator[Finding]:
    """Every step is reached, and none is its own successor: without loops a run always ends."""
    if start not in workflow:
        return
    reached: set[str] = set()
    todo = [start, *([exception] if exception in workflow else [])]
    while todo:
        step_id = todo.pop()
        if step_id not in reached and step_id in workflow:
            reached.add(step_id)
            todo += [target for _, target in _pointers(workflow[step_id])]
    for step_id in sorted(set(workflow) - reached):
        yield _error(f"/workflow/{step_id}", "the step can never be reached")
    if _has_cycle(workflow):
        yield _error("/workflow", "steps lead back to themselves; such a run would never end")


def _has_cycle(workflow: Mapping[str, Any]) -> bool:
    waiting = dict.fromkeys(workflow, 0)
    for step in workflow.values():
        for _, target in _pointers(step):
            if target in waiting:
                waiting[target] += 1
    free = [step_id for step_id, count in waiting.items() if count == 0]
    seen = 0
    while free:
        step_id = free.pop()
        seen += 1
        for _, target in _pointers(workflow[step_id]):
            if target in waiting:
                waiting[target] -= 1
                if waiting[target] == 0:
                    free.append(target)
    return seen < len(workflow)
