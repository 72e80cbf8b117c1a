"""What goes out about the running program itself."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field


class ObservingSettings(BaseModel, frozen=True):
    """What goes out about the running program itself."""

    metrics_token: str | None = Field(default=None, repr=False)
    health_token: str | None = Field(default=None, repr=False)
    """Tokens of those who run it: each opens the figures, the words of ``/health`` and the description of the API."""
    trust_loopback: bool = False
    """Whether whoever asks from this machine needs no token for them; behind a proxy on it that is everybody."""
    traces: str | None = None
    traces_share: float = Field(default=1.0, ge=0, le=1)
    log_format: Literal["text", "ecs"] = "text"
