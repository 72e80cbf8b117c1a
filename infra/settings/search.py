"""The search engine; without one the store answers."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, Field


class SearchSettings(BaseModel, frozen=True):
    """The search engine; without one the store answers."""

    elasticsearch: str | None = None
    elasticsearch_prefix: str = Field(default="qorgau", pattern="^[a-z0-9][a-z0-9_-]{0,60}$")
    elasticsearch_user: str | None = None
    elasticsearch_password: str | None = Field(default=None, repr=False)
    elasticsearch_api_key: str | None = Field(default=None, repr=False)
    elasticsearch_ca: Path | None = None
