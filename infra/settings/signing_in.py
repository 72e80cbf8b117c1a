"""How people sign in: second factors, passkeys, an identity provider."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BaseModel, Field

from engine.permissions import PEOPLE

_ROLES = tuple(role.value for role in PEOPLE)


def _is_role(name: str) -> str:
    if name not in _ROLES:
        raise ValueError(f"roles are {', '.join(_ROLES)}")
    return name


RoleName = Annotated[str, AfterValidator(_is_role)]


class SigningInSettings(BaseModel, frozen=True):
    """How people sign in."""

    require_second_factor: tuple[RoleName, ...] = ()
    """Roles whose people do not go without a second factor: who has none enrols one while signing in."""
    second_factor_minutes: int = Field(default=15, ge=1, le=720)
    """For how long a second factor that was shown stands, before an act that asks for one."""
