"""Bodies are bounded before anything looks into them: FastAPI alone would read and echo 200 MB."""

from __future__ import annotations

import asyncio
import zlib

import orjson
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MAX_BODY = 8 * 1024 * 1024
BODY_S = 30.0
"""How long the next piece of a body may take to come."""


class TooLarge(Exception):
    """The body is larger than what is taken."""


class TooSlow(Exception):
    """The body did not come in time."""


class Unreadable(Exception):
    """The body is not what its encoding says."""


class BodyLimit:
    """Refuses a body above the limit with 413, by its announced length or as soon as it has grown too far."""

    def __init__(self, app: ASGIApp, limit: int = MAX_BODY) -> None:
        self.app = app
        self.limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on with a receive that counts."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        if b"content-length" in headers and b"transfer-encoding" in headers:
            await _refuse(send, 400, "body.two-lengths", "Content-Length and Transfer-Encoding cannot stand together")
            return
        announced = headers.get(b"content-length", b"0")
        if announced.isdigit() and int(announced) > self.limit:
            await _refuse(send)
            return
        seen = 0
        complete = False
        answered = False

        async def counted() -> Message:
            nonlocal seen, complete
            if complete:
                return await receive()
            try:
                message = await asyncio.wait_for(receive(), BODY_S)
            except TimeoutError:
                raise TooSlow from None
            complete = not message.get("more_body", False)
            seen += len(message.get("body", b""))
            if seen > self.limit:
                raise TooLarge
            return message

        async def watched(message: Message) -> None:
            nonlocal answered
            answered = answered or message["type"] == "http.response.start"
            await send(message)

        try:
            await self.app(scope, counted, watched)
        except TooLarge:
            if not answered:
                await _refuse(send)
        except TooSlow:
            if not answered:
                await _refuse(send, 408, "body.too-slow", "the body did not come in time")


async def _refuse(
    send: Send, status: int = 413, code: str = "body.too-large", message: str = "a body may have 8 MiB"
) -> None:
    body = orjson.dumps({"error": {"code": code, "message": message}})
    headers = [(b"content-type", b"application/json"), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def read_body(request: Request, limit: int = MAX_BODY) -> bytes:
    """Read the body, unpacking gzip within the same limit. Raises TooLarge or Unreadable."""
    body = await request.body()
    encoding = request.headers.get("content-encoding", "identity").lower()
    if encoding == "identity":
        return body
    if encoding != "gzip":
        raise Unreadable("the content encoding may be gzip or none")
    return await asyncio.to_thread(_unpacked, body, limit)


def _unpacked(body: bytes, limit: int) -> bytes:
    unpacker = zlib.decompressobj(wbits=31)
    try:
        plain = unpacker.decompress(body, limit + 1)
        if len(plain) > limit or unpacker.unconsumed_tail:
            raise TooLarge
        if not unpacker.eof:
            raise Unreadable("the gzip stream is cut short")
    except zlib.error:
        raise Unreadable("the body is not gzip") from None
    return plain
