"""How long a further try to sign in waits (OWASP ASVS 5.0, 6.3.1; NIST SP 800-63B-4, 3.2.2).

Tries are counted before the password is looked at. What is slowed down is an address at an account, and an address
over all accounts: a stranger who guesses keeps out himself, not the person whose account it is. All addresses together
at one account are slowed down too, but not a browser in which its owner signed in before.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

Kind = Literal["pair", "address", "account"]


@dataclass(frozen=True, slots=True)
class Limit:
    """How many tries are free, and how the wait grows after them."""

    free: int
    first: timedelta
    most: timedelta
    forgotten_after: timedelta


LIMITS: dict[Kind, Limit] = {
    "pair": Limit(5, timedelta(seconds=30), timedelta(minutes=15), timedelta(minutes=30)),
    "address": Limit(30, timedelta(seconds=30), timedelta(minutes=15), timedelta(minutes=30)),
    "account": Limit(100, timedelta(seconds=10), timedelta(minutes=1), timedelta(hours=1)),
}


@dataclass(frozen=True, slots=True)
class Tries:
    """The tries of one kind so far: how many without success, and when the latest was."""

    failures: int
    at: datetime


def waits_until(kind: Kind, tries: Tries | None) -> datetime | None:
    """Return the instant before which a further try is not looked at, None when it may be made at once.

    The wait begins after the free tries, doubles with each further one, and never exceeds the most.
    """
    limit = LIMITS[kind]
    if tries is None or tries.failures < limit.free:
        return None
    doubled = min(tries.failures - limit.free, 16)
    return tries.at + min(limit.first * (1 << doubled), limit.most)


def counted(kind: Kind, tries: Tries | None, now: datetime) -> Tries:
    """Return the tries with one more; those of long ago are forgotten."""
    if tries is None or now - tries.at > LIMITS[kind].forgotten_after:
        return Tries(1, now)
    return Tries(tries.failures + 1, now)
