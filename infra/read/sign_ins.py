"""Who signed in and what became of accounts, from the log of decisions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from engine.accounts.facts import (
    FACTS,
    PasswordChanged,
    RecoveryCodesRenewed,
    SecondFactorEnrolled,
    SecondFactorFailed,
    SecondFactorRemoved,
    SecondFactorUsed,
    SessionsEnded,
    SignedIn,
    SignInFailed,
    TokenMade,
    TokenRevoked,
    UserChanged,
    WaitingLifted,
)
from engine.kernel.facts import Fact
from infra.store.log.decisions import Decisions
from reports.messages import say, word

FEWEST = 200
"""Lines of a page."""


@dataclass(frozen=True, slots=True)
class SignInLine:
    """One line: what happened, to which account, by whom and from where."""

    position: int
    at: datetime
    user_id: str
    actor: str
    address: str
    what: str


def sign_ins(decisions: Decisions, below: int = 0) -> list[SignInLine]:
    """Return the latest lines below a position (0: of all), the latest first."""
    topics = tuple(kind.topic for kind in FACTS)
    found = decisions.newest_of(topics, below, FEWEST)
    return [
        SignInLine(
            it.position, it.fact.at, getattr(it.fact, "user_id", ""), it.fact.actor,
            getattr(it.fact, "address", ""), _what(it.fact),
        )
        for it in found
    ]  # fmt: skip


def _what(fact: Fact) -> str:
    match fact:
        case SignedIn():
            return say("signed in")
        case SignInFailed(why="unknown"):
            return say("refused: there is no such account")
        case SignInFailed(why="disabled"):
            return say("refused: the account is disabled")
        case SignInFailed(waits_until=None):
            return say("refused: wrong password")
        case SignInFailed():
            return say("refused: wrong password; further tries wait")
        case SessionsEnded():
            return say("sessions ended: {count}", count=fact.count)
        case PasswordChanged(by_owner=True):
            return say("changed the own password")
        case PasswordChanged():
            return say("was given a new password")
        case WaitingLifted():
            return say("may try again at once")
        case _:
            return _of_factors(fact)
    return ""


def _of_factors(fact: Fact) -> str:
    match fact:
        case SecondFactorEnrolled():
            return say("enrolled a second factor: {factor}", factor=word(fact.factor))
        case SecondFactorUsed(factor="recovery"):
            return say("used a recovery code; {left} are left", left=fact.codes_left)
        case SecondFactorUsed():
            return say("showed the second factor")
        case SecondFactorFailed(replayed=True):
            return say("refused: the code was used before")
        case SecondFactorFailed(waits_until=None):
            return say("refused: wrong second factor")
        case SecondFactorFailed():
            return say("refused: wrong second factor; further tries wait")
        case SecondFactorRemoved(by_owner=True):
            return say("removed the own second factor: {factor}", factor=word(fact.factor))
        case SecondFactorRemoved():
            return say("lost the second factor to {actor}: {reason}", actor=fact.actor, reason=fact.reason)
        case RecoveryCodesRenewed():
            return say("made new recovery codes")
        case TokenMade():
            return say("made a token: {name}", name=fact.name)
        case TokenRevoked():
            return say("a token was revoked: {name}", name=fact.name)
        case UserChanged():
            return say("account: roles {roles}", roles=fact.roles) if fact.active else say("the account was disabled")
    return ""
