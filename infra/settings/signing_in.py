"""How people sign in: second factors, passkeys, an identity provider."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, Field

from engine.permissions import PEOPLE

_ROLES = tuple(role.value for role in PEOPLE)


def _is_role(name: str) -> str:
    if name not in _ROLES:
        raise ValueError(f"roles are {', '.join(_ROLES)}")
    return name


def _is_origin(text: str) -> str:
    """Read the address of the console; browsers know passkeys over TLS or on their own machine, and by a name alone."""
    parts = urlsplit(text.rstrip("/"))
    host = parts.hostname or ""
    if parts.path or parts.query or parts.fragment or parts.username or not host:
        raise ValueError("the address of the console is written as https://qorgau.mfo.example")
    if host.replace(".", "").isdigit() or ":" in host:
        raise ValueError("passkeys belong to a name, not to a number of the network")
    if parts.scheme != "https" and not (
        parts.scheme == "http" and (host == "localhost" or host.endswith(".localhost"))
    ):
        raise ValueError("browsers know passkeys over https only, or on localhost")
    return text.rstrip("/").lower()


Origin = Annotated[str, AfterValidator(_is_origin)]
RoleName = Annotated[str, AfterValidator(_is_role)]


class SigningInSettings(BaseModel, frozen=True):
    """How people sign in."""

    require_second_factor: tuple[RoleName, ...] = ()
    """Roles whose people do not go without a second factor: who has none enrols one while signing in."""
    second_factor_minutes: int = Field(default=15, ge=1, le=720)
    """For how long a second factor that was shown stands, before an act that asks for one."""
    console_url: Origin | None = None
    """The address people reach the console by, as https://qorgau.mfo.example; passkeys belong to it. Not set: none."""
