"""Who read what of whom: a page and an answer of the API for those who look into it. Looking is on record as well."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from infra.read.people.looking import note
from infra.store.reads.listing import FEWEST, ReadLine, readings
from infra.web.context import TheContainer, TheSession, page
from reports.messages import say

router = APIRouter()
Text = Annotated[str, Query(max_length=200)]


def _found(container: TheContainer, who: str, of: str, since: str, until: str, kind: str, below: int) -> list[ReadLine]:
    rows = readings(
        container.store.access, who=who, of=of, since=since, until=until, kind=kind, below=max(0, min(below, 2**62))
    )
    note("entity", *([of] if of else []))
    note("reads", *([f"{rows[-1].position}-{rows[0].position}"] if rows else []))
    return rows


@router.get("/reads", include_in_schema=False)
def show_reads(
    request: Request, container: TheContainer, session: TheSession, who: Text = "", of: Text = "", since: Text = "",
    until: Text = "", kind: Text = "", below: int = 0,
) -> Response:  # fmt: skip
    """The readings, the newest first."""
    rows = _found(container, who, of, since, until, kind, below)
    asked = {"who": who, "of": of, "since": since, "until": until, "kind": kind}
    return page(
        request, "reads.html", session, rows=rows, asked=asked, title=say("Readings"),
        next=rows[-1].position if len(rows) == FEWEST else 0,
    )  # fmt: skip


@router.get("/api/v1/reads", tags=["session"], summary="Who read what of whom")
def list_reads(
    container: TheContainer, session: TheSession, who: Text = "", of: Text = "", since: Text = "", until: Text = "",
    kind: Text = "", below: int = 0,
) -> list[dict[str, Any]]:  # fmt: skip
    """Return 200 readings below a position (0: the newest). ``of`` is a client, a loan, or the id of an incident,
    notice or protection; the identifiers of persons in the answer are keyed pseudonyms."""
    return [asdict(row) for row in _found(container, who, of, since, until, kind, below)]
