"""The brokers that bring events."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, Field


class KafkaSettings(BaseModel, frozen=True):
    """The brokers that bring events."""

    kafka: str | None = None
    kafka_prefix: str = Field(default="qorgau.events", pattern="^[A-Za-z0-9._-]{1,100}$")
    kafka_sources: tuple[str, ...] = ()
    kafka_tls: bool = False
    kafka_ca: Path | None = None
    kafka_user: str | None = None
    kafka_password: str | None = Field(default=None, repr=False)
