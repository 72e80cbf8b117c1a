"""Messages to the webhooks of other systems, signed as the Standard Webhooks specification wants it (HMAC-SHA256).

Taken by a 2xx answer. No answer, 408, 425, 429 and 5xx are tried again for three days; other answers end it and are
told to people. The receiver can sort out repeats by ``webhook-id``.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

import orjson

from engine.kernel.ids import derive
from engine.kernel.messages import WebhookMessage
from engine.kernel.ports import Delivery, Intent, TimeSource
from infra.outbound.orders import HttpPost
from infra.outbound.signing import signed
from infra.settings.webhooks import WebhookSettings

GIVE_UP_AFTER = timedelta(days=3)


class WebhookMessages:
    """Performs the intent ``webhook``."""

    repeatable = True

    def __init__(self, clock: TimeSource, receivers: Mapping[str, WebhookSettings], http: HttpPost) -> None:
        self.clock = clock
        self.receivers = receivers
        self.http = http

    def perform(self, intent: Intent) -> Delivery:
        """Send the message once and say what became of it."""
        message = intent.message
        assert isinstance(message, WebhookMessage)
        name, body = message.receiver, message.body
        receiver = self.receivers.get(name)
        if receiver is None:
            return Delivery(outcome="refused", detail=f"there is no webhook '{name}' in the settings any more")
        delivery = self.send(name, receiver, intent.key, orjson.dumps(body))
        late = self.clock.now() - datetime.fromisoformat(body["timestamp"]) > GIVE_UP_AFTER
        if delivery.outcome == "retry" and late:
            return Delivery(outcome="refused", detail=f"not taken for three days: {delivery.detail}")
        return delivery

    def send(self, name: str, receiver: WebhookSettings, key: str, body: bytes) -> Delivery:
        """Sign and post one message."""
        return self.http.post(receiver.url, key, body, name, self.signed(receiver, key, body))

    def signed(self, receiver: WebhookSettings, key: str, body: bytes) -> dict[str, str]:
        """Return the headers: the id stays the same over all tries, the instant is that of the try."""
        return signed(f"msg_{derive('webhook', key).hex}", self.clock.now(), receiver.secrets, body)
