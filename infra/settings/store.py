"""Where the two logs, their keys and their proofs are kept."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, Field

from infra.settings.webhooks import http_address


def time_server(text: str) -> str:
    """Return a host name or address, with a port after a colon where it is not 123. Raise ValueError."""
    host, _, port = text.partition(":") if text.count(":") <= 1 else (text, "", "")
    if not host or any(letter.isspace() or letter == "/" for letter in host) or (port and not port.isdigit()):
        raise ValueError("a time server is a host name, with a port after a colon where it is not 123")
    return text


class StoreSettings(BaseModel, frozen=True):
    """Where the two logs, their keys and their proofs are kept."""

    data: Path = Path("var")
    database: str | None = None
    keys: Path | None = None
    keyring: str | None = None
    master_key: str | None = Field(default=None, repr=False)
    witnesses: tuple[str, ...] = ()
    witness_keys: tuple[str, ...] = ()
    timestamp_url: Annotated[str, AfterValidator(http_address)] | None = None
    timestamp_roots: Path | None = None
    timestamp_every_s: int = Field(default=3600, ge=1)
    log_name: str = Field(default="qorgau", pattern=r"^[A-Za-z0-9._/-]{1,100}$")
    time_servers: tuple[Annotated[str, AfterValidator(time_server)], ...] = ()
    """Addresses of servers that speak SNTP (RFC 4330), asked while the clock of this machine is doubted."""
    disk_free_percent: int = Field(default=10, ge=0, le=90)
    """Below so much free space people are warned."""
    reads_kept_days: int = Field(default=1095, ge=30)
    """How long the access log keeps who read what of whom."""
    segment_events: int = Field(default=100_000, ge=0)

    @property
    def keys_folder(self) -> Path:
        """The directory of secrets: beside the data unless a directory is set, as it should be outside a trial."""
        return self.keys or self.data / "keys"
