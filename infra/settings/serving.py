"""The console, the API and the intake over HTTP."""

from __future__ import annotations

import ipaddress
from typing import Literal

from pydantic import BaseModel, Field

from engine.governance.senders import Senders


class ServingSettings(BaseModel, frozen=True):
    """The console, the API and the intake over HTTP."""

    host: str = "127.0.0.1"
    port: int = Field(default=8080, ge=0, le=65535)
    secure_cookies: bool | None = None
    """Not set: yes, unless the server listens on the loopback of its machine, where nothing is encrypted."""
    language: Literal["en", "ru", "kk"] = "en"
    session_minutes: int = Field(default=30, ge=1, le=720)
    hosts: tuple[str, ...] = ()
    allowed_hosts: tuple[str, ...] = ()
    """Names and addresses people reach the console by, beside the address it listens on; ``*`` for any."""
    readers: int = Field(default=0, ge=0, le=16)
    queue_batches: int = Field(default=64, ge=1)
    body_lines: int = Field(default=200_000, ge=1)
    """Lines that one body may have; a body of 8 MiB cannot hold more well-made events."""
    source_lines_per_minute: int = Field(default=6_000_000, ge=1)
    source_bad_lines_per_minute: int = Field(default=300_000, ge=1)
    """What one source may send to the API before it is asked to wait (429 with Retry-After)."""
    keep_unknown_types: bool = False
    expected_sources: dict[str, int] = {}
    evidence_sources: dict[str, tuple[str, ...]] = {}
    """Event types, or their beginning ('iam.'), and the sources whose events of them are evidence; not named: any."""

    @property
    def cookies_are_secure(self) -> bool:
        """Say whether cookies are sent over TLS only."""
        return not _is_loopback(self.host) if self.secure_cookies is None else self.secure_cookies

    @property
    def senders(self) -> Senders:
        """Who is believed about what."""
        return Senders(self.evidence_sources)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
