"""What is recorded of accounts and of signing in (OWASP ASVS 5.0, 16.3.1). No fact holds a password, a token or what
somebody typed who has no account."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar, Literal

from engine.kernel.facts import Fact

Why = Literal["password", "disabled", "unknown"]


class UserChanged(Fact):
    """An account was made, or its roles or state changed; the password is never in a fact."""

    topic: ClassVar[str] = "user.changed.v1"
    user_id: str
    name: str
    roles: tuple[str, ...]
    active: bool


class SignedIn(Fact):
    """Somebody signed in."""

    topic: ClassVar[str] = "user.signed-in.v1"
    user_id: str
    address: str
    """Of the one who asked, as the server saw it; empty on the command line."""


class SignInFailed(Fact):
    """A try to sign in was refused. ``user_id`` is empty where there is no such account."""

    topic: ClassVar[str] = "user.sign-in-failed.v1"
    user_id: str
    address: str
    why: Why
    waits_until: datetime | None = None
    """Until when further tries from there are not even looked at."""


class SessionsEnded(Fact):
    """Sessions of an account were ended: by signing out, or all of them at once."""

    topic: ClassVar[str] = "user.sessions-ended.v1"
    user_id: str
    count: int


class PasswordChanged(Fact):
    """The password of an account was changed by its owner, or set anew for him."""

    topic: ClassVar[str] = "user.password-changed.v1"
    user_id: str
    by_owner: bool


class WaitingLifted(Fact):
    """An administrator let an account try again at once."""

    topic: ClassVar[str] = "user.waiting-lifted.v1"
    user_id: str


FACTS: tuple[type[Fact], ...] = (UserChanged, SignedIn, SignInFailed, SessionsEnded, PasswordChanged, WaitingLifted)
