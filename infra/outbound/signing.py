"""The signature of what goes out, as the Standard Webhooks specification wants it (HMAC-SHA256)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from standardwebhooks import Webhook


def signed(name: str, at: datetime, secrets: Sequence[str], body: bytes) -> dict[str, str]:
    """Return the headers of a signed message, with a signature for each secret."""
    return {
        "webhook-id": name,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": " ".join(Webhook(secret).sign(name, at, body.decode()) for secret in secrets),
    }
