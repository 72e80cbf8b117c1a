"""An act that needs a second factor asks for it in place: the same form once more, with everything that was typed."""

from __future__ import annotations

import asyncio
from typing import Any

from fastapi import Request
from fastapi.responses import JSONResponse, Response
from starlette.datastructures import FormData, UploadFile

from engine.kernel.errors import SecondFactorNeeded
from infra.web.context import FORMS, SECOND_FACTOR, house_of, page, session_token
from reports.messages import refusal, say


async def asked_again(request: Request, error: SecondFactorNeeded) -> Response:
    """Return the form with a field for the second factor; of the API an error that names the header. 403."""
    if request.url.path.startswith("/api/"):
        text = f"{refusal(error)} (X-Second-Factor)"
        return JSONResponse({"error": {"code": error.code, "message": text}}, status_code=403)
    sent = FormData()
    if request.headers.get("content-type", "").startswith(FORMS):
        sent = await request.form(max_files=1, max_fields=500)
    return await asyncio.to_thread(_page, request, error, sent)


def _page(request: Request, error: SecondFactorNeeded, sent: FormData) -> Response:
    accounts = house_of(request).accounts
    session = accounts.session(session_token(request))
    fields = [(name, value) for name, value in sent.multi_items() if isinstance(value, str) and name != SECOND_FACTOR]
    files = [name for name, value in sent.multi_items() if isinstance(value, UploadFile) and value.filename]
    values: dict[str, Any] = {
        "fields": fields, "files": files, "action": request.url.path, "wrong": refusal(error) if error.wrong else "",
        "has_codes": session is not None and accounts.second.has_codes(session.person.id),
        "has_passkey": session is not None and accounts.second.has_passkey(session.person.id),
    }  # fmt: skip
    return page(request, "step_up.html", session, status=403, title=say("Your second factor"), **values)
