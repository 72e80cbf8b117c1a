"""The evidence bundle of an incident as a download."""

from __future__ import annotations

from tempfile import TemporaryFile

from fastapi import APIRouter
from fastapi.responses import Response, StreamingResponse
from starlette.background import BackgroundTask

from infra.read.evidence import Bundle
from infra.read.finders import load_incident
from infra.web.context import TheContainer, TheSession
from reports.messages import spoken

router = APIRouter(include_in_schema=False)


@router.get("/incidents/{incident_id}/bundle.zip")
def bundle(container: TheContainer, session: TheSession, incident_id: str) -> Response:
    """Everything about an incident, proven and signed, in the reader's language; personal fields are named only."""
    incident = load_incident(container, incident_id)
    file = TemporaryFile(prefix="qorgau-bundle-")  # noqa: SIM115 - closed when the answer is sent
    Bundle(container, incident, language=spoken()).write(file, container.clock.now(), session.person.id)
    size = file.tell()
    file.seek(0)
    headers = {"Content-Disposition": f'attachment; filename="{incident.number}.zip"', "Content-Length": str(size)}
    parts = iter(lambda: file.read(1 << 16), b"")
    return StreamingResponse(
        parts, media_type="application/zip", headers=headers, background=BackgroundTask(file.close)
    )
