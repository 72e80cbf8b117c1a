"""Reading what the gateway for clients reports: each report by itself, so that one nobody can read stops no other."""

from __future__ import annotations

from typing import Any

import orjson
from pydantic import ValidationError

from engine.kernel.errors import InputError, n_
from engine.kernel.facts import Person
from engine.notices.commands import MOST_STATUSES, RecordStatuses
from engine.notices.gateway import Status
from engine.permissions import Role

SHOWN = 300
"""Characters kept of a report that nobody can read."""


def gateway_person(source: str) -> Person:
    """Return who acts when the gateway reports: the source with its token."""
    return Person(id=source, roles=frozenset({Role.SOURCE}))


def read_statuses(data: bytes) -> RecordStatuses:
    """Read ``{"statuses": [...]}``, a JSON array, or a report a line. Raise InputError for what is none of them."""
    reports = _reports(data)
    if len(reports) > MOST_STATUSES:
        raise _too_many()
    read, unreadable = [], []
    for number, report in enumerate(reports):
        try:
            read.append(Status.model_validate_json(orjson.dumps(report)))
        except (TypeError, RecursionError):
            unreadable.append(f"statuses.{number}: nested too deeply: {str(report)[:SHOWN]}")
        except ValidationError as error:
            first = error.errors(include_input=False, include_url=False)[0]
            where = ".".join(str(part) for part in ("statuses", number, *first["loc"]))
            unreadable.append(f"{where}: {first['msg']}: {orjson.dumps(report).decode()[:SHOWN]}")
    return RecordStatuses(statuses=tuple(read), unreadable=tuple(unreadable))


def _too_many() -> InputError:
    return InputError(
        n_("at most {most} reports go into one message"), field="statuses", code="statuses.too-many",
        most=MOST_STATUSES,
    )  # fmt: skip


def _reports(data: bytes) -> list[Any]:
    text = data.strip()
    try:
        document = orjson.loads(text)
    except orjson.JSONDecodeError:
        if text.count(b"\n") >= MOST_STATUSES:
            raise _too_many() from None
        try:
            return [orjson.loads(line) for line in text.splitlines() if line.strip()]
        except orjson.JSONDecodeError as error:
            raise InputError(n_("not JSON: {error}"), code="statuses.unreadable", error=str(error)) from None
    if isinstance(document, dict) and "statuses" not in document and "id" in document:
        return [document]
    found = document.get("statuses") if isinstance(document, dict) else document
    if not isinstance(found, list):
        raise InputError(n_("a list of reports is needed"), field="statuses", code="statuses.unreadable")
    return found
