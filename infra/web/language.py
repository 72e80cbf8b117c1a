"""In which language a request is answered: what was chosen by link or cookie, what a browser accepts, the house's.

A choice by link is kept in a cookie, and with the account of who is signed in; signing in elsewhere brings it there.

The interface for programs (``/api/``) hears Accept-Language alone, and is English without it.
"""

from __future__ import annotations

from urllib.parse import parse_qs, parse_qsl, urlencode

from fastapi import Request
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import cookie_parser
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from reports.messages import accepted, chosen, known, speak

COOKIE = "qorgau_language"
QUERY = "speak"
_YEAR = 365 * 86_400


class Languages:
    """Lets everything that answers a request speak its language; a choice by link is kept in a cookie."""

    def __init__(self, app: ASGIApp, otherwise: str) -> None:
        self.app = app
        self.otherwise = otherwise

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        linked, language = asked(scope), language_of(scope, self.otherwise)

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                there = MutableHeaders(scope=message)
                there.setdefault("Content-Language", language)
                if linked:
                    keep(there, linked)
            await send(message)

        with speak(language):
            await self.app(scope, receive, answer)


def language_of(scope: Scope, otherwise: str) -> str:
    """Return the language in which a request is answered."""
    headers = Headers(scope=scope)
    accept = headers.get("accept-language", "")
    if scope["path"].startswith("/api/"):
        return accepted(accept) or "en"
    return chosen(asked(scope), kept(headers), accept=accept, otherwise=otherwise)


def keep(answer: Response | MutableHeaders, language: str) -> None:
    """Let a browser keep a language."""
    headers = answer.headers if isinstance(answer, Response) else answer
    headers.append("Set-Cookie", f"{COOKIE}={language}; Path=/; Max-Age={_YEAR}; SameSite=Strict; HttpOnly")


def asked(scope: Scope) -> str | None:
    """Return the language that the address asks for, as the links of the layout do."""
    if scope["method"] != "GET" or scope["path"].startswith("/api/"):
        return None
    given = parse_qs(scope["query_string"].decode("latin-1")).get(QUERY, [""])[0]
    return known(given)


def kept(headers: Headers) -> str | None:
    """Return the language that the person chose before in this browser."""
    return known(cookie_parser(headers.get("cookie", "")).get(COOKIE))


def in_language(request: Request, language: str) -> str:
    """Return the address of the same page in another language: a query alone, so it never leads to another site."""
    if request.method != "GET":
        return f"/?{QUERY}={language}"
    rest = [(name, value) for name, value in parse_qsl(request.url.query) if name != QUERY]
    return f"?{urlencode([*rest, (QUERY, language)])}"
