"""One command on many incidents, each by itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from engine.incidents.commands import (
    AcknowledgeIncident,
    AddNote,
    AssignIncident,
    ChangeSeverity,
    CloseIncident,
    MergeIncident,
)
from engine.kernel.checked import checked
from engine.kernel.commands import Command, Decided, name_of
from engine.kernel.errors import InputError, QorgauError
from engine.kernel.facts import Person
from engine.permissions import require, require_proof
from infra.commands.dispatch import Dispatcher
from reports.messages import refusal

MOST_AT_ONCE = 200
MANY: dict[str, tuple[type[Command[Any]], tuple[str, ...]]] = {
    "assign": (AssignIncident, ("assignee",)),
    "acknowledge": (AcknowledgeIncident, ()),
    "severity": (ChangeSeverity, ("severity", "reason")),
    "merge": (MergeIncident, ("into", "reason")),
    "note": (AddNote, ("text",)),
    "close": (CloseIncident, ("disposition", "reason")),
}
"""Act → the command it means and the values it takes."""


def admit_many(act: str, by: Person) -> None:
    """Ask for the role of an act on many before any of them is looked at. Raise NotAllowed,
    SecondFactorNeeded."""
    if act in MANY:
        require(name_of(MANY[act][0]), by)
        require_proof(name_of(MANY[act][0]), by)


def in_bulk(
    dispatcher: Dispatcher, incident_ids: Sequence[str], act: str, values: Mapping[str, str], *, by: Person
) -> list[dict[str, Any]]:
    """Do one act on many incidents; return ``id``, ``result`` (done, proposed, refused) and ``reason`` of each."""
    if not 0 < len(incident_ids) <= MOST_AT_ONCE:
        raise InputError("choose 1 to {most_at_once} incidents", field="ids", most_at_once=MOST_AT_ONCE)
    if act not in MANY:
        raise InputError("an act on many is one of {many}", field="act", many=tuple(MANY))
    admit_many(act, by)
    kind, names = MANY[act]
    results = []
    for key in dict.fromkeys(incident_ids):
        try:
            command = checked(kind, incident_id=key, **{name: values.get(name, "") for name in names})
            outcome = dispatcher.dispatch(command, by)
            waits = isinstance(outcome, Decided) and not outcome.decided
            results.append({"id": key, "result": "proposed" if waits else "done", "reason": ""})
        except QorgauError as error:
            results.append({"id": key, "result": "refused", "reason": refusal(error)})
    return results
