"""Whether a message is signed with one of our secrets (Standard Webhooks), as a receiver has to check it."""

from __future__ import annotations

import hmac
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from standardwebhooks import Webhook

TOLERANCE = timedelta(minutes=5)


def is_signed(headers: Mapping[str, str], body: bytes, secrets: Sequence[str], now: datetime) -> bool:
    """Say whether one of the signatures is by one of the secrets and not old; without secrets everything is taken.

    ``headers`` have small letters.
    """
    if not secrets:
        return True
    try:
        name, given = headers["webhook-id"], headers["webhook-signature"].split()
        at = datetime.fromtimestamp(int(headers["webhook-timestamp"]), UTC)
        text = body.decode()
    except (KeyError, ValueError, OverflowError):
        return False
    if abs(now - at) > TOLERANCE:
        return False
    good = [Webhook(secret).sign(name, at, text) for secret in secrets]
    return any(hmac.compare_digest(one, other) for one in good for other in given)
