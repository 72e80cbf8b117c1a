"""Where syslog is listened for, and who may send it."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path

from pydantic import BaseModel, Field, IPvAnyNetwork


class SyslogSettings(BaseModel, frozen=True):
    """Where syslog is listened for, and who may send it."""

    syslog_tls: str | None = None
    syslog_tcp: str | None = None
    syslog_udp: str | None = None
    syslog_source: str = Field(default="syslog", pattern="^[A-Za-z0-9._-]{1,100}$")
    syslog_allow: tuple[IPvAnyNetwork, ...] = (IPv4Network("127.0.0.0/8"), IPv6Network("::1/128"))
    syslog_certificate: Path | None = None
    syslog_key: Path | None = None
    syslog_clients_ca: Path | None = None
    syslog_cef: Mapping[str, str] = {}
    """``Vendor|Product|Signature ID`` of messages in CEF (patterns of the shell) → event type of the catalogue."""
