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


Factor = Literal["totp", "recovery", "passkey"]
"""A code of an authenticator (RFC 6238), a recovery code, a passkey (WebAuthn)."""


class SecondFactorEnrolled(Fact):
    """A person enrolled a second factor and showed it once."""

    topic: ClassVar[str] = "user.second-factor-enrolled.v1"
    user_id: str
    factor: Factor
    name: str = ""
    """What the owner calls it."""


class SecondFactorUsed(Fact):
    """A second factor was shown and was right, while signing in or before an act."""

    topic: ClassVar[str] = "user.second-factor-used.v1"
    user_id: str
    factor: Factor
    address: str
    codes_left: int
    """Recovery codes that are not used yet."""


class SecondFactorFailed(Fact):
    """What was shown as a second factor was refused."""

    topic: ClassVar[str] = "user.second-factor-failed.v1"
    user_id: str
    address: str
    replayed: bool
    """It was right once, and was used before."""
    waits_until: datetime | None = None


class SecondFactorRemoved(Fact):
    """A second factor was taken away by its owner, or by an administrator."""

    topic: ClassVar[str] = "user.second-factor-removed.v1"
    user_id: str
    factor: Factor
    by_owner: bool
    reason: str = ""


class RecoveryCodesRenewed(Fact):
    """A person was given new recovery codes; those before are void."""

    topic: ClassVar[str] = "user.recovery-codes-renewed.v1"
    user_id: str


class TokenMade(Fact):
    """A person made a token for programs; ``scope`` names what it is for."""

    topic: ClassVar[str] = "user.token-made.v1"
    user_id: str
    token_id: str
    name: str
    scope: tuple[str, ...]
    expires_at: datetime


class TokenRevoked(Fact):
    """A token of a person was made void before it expired."""

    topic: ClassVar[str] = "user.token-revoked.v1"
    user_id: str
    token_id: str
    name: str


FACTS: tuple[type[Fact], ...] = (
    UserChanged, SignedIn, SignInFailed, SessionsEnded, PasswordChanged, WaitingLifted, SecondFactorEnrolled,
    SecondFactorUsed, SecondFactorFailed, SecondFactorRemoved, RecoveryCodesRenewed, TokenMade, TokenRevoked,
)  # fmt: skip
