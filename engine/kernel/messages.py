"""What the outbox carries: one class for each kind of message, with its payload as it is stored."""

from __future__ import annotations

from typing import Any, ClassVar, Self, get_args

from engine.kernel.errors import DataError
from engine.kernel.facts import Record


class Message(Record):
    """One message to the outside. ``kind`` names it in the store; sending and settling go by its class."""

    kind: ClassVar[str]

    def payload(self) -> dict[str, Any]:
        """Return what is stored of it, as JSON values."""
        return self.model_dump(mode="json")

    @classmethod
    def read(cls, payload: dict[str, Any]) -> Self:
        """Read what was stored. Raise ValidationError."""
        return cls.model_validate(payload)


class NoticeMessage(Message):
    """A notice to one of its recipients; of messages of before there was more than one, to the only one."""

    kind: ClassVar[str] = "mail"
    notice_id: str
    recipient: str = ""


class AfcMessage(NoticeMessage):
    """A message to the Anti-Fraud Centre, by HTTP where it has an address, else by mail."""

    kind: ClassVar[str] = "afc"


class ClientMessage(NoticeMessage):
    """A notice to a client: by the gateway for clients where there is one, else by mail."""

    kind: ClassVar[str] = "client"


class AlertMessage(Message):
    """A mail to a role that must know at once; without ``to`` it goes to the common address."""

    kind: ClassVar[str] = "alert"
    to: str = ""
    subject: str
    text: str
    at: str
    """The instant of the fact (RFC 3339)."""


class OwnEvent(Message):
    """A security event of the engine itself, for the ledger: flat ECS fields."""

    kind: ClassVar[str] = "ledger"
    fields: dict[str, Any]

    def payload(self) -> dict[str, Any]:
        """Return the event itself."""
        return dict(self.fields)

    @classmethod
    def read(cls, payload: dict[str, Any]) -> Self:
        """Read the event."""
        return cls(fields=payload)


class OrderMessage(Message):
    """An order to another system for a protected borrower; ``body`` is what it gets (docs/orders.md)."""

    kind: ClassVar[str] = "order"
    system: str
    protection_id: str
    order_id: str
    body: dict[str, Any]


class CommandMessage(Message):
    """A step of a playbook that another system carries out."""

    kind: ClassVar[str] = "command"
    system: str
    order: str
    run_id: str
    step_id: str
    measure: str | None = None
    containment_id: str = ""
    body: dict[str, Any]


class ContainmentMessage(Message):
    """An order to contain further subjects of an incident, or to release what was blocked."""

    kind: ClassVar[str] = "containment"
    system: str
    containment_id: str
    order: str
    body: dict[str, Any]


class WebhookMessage(Message):
    """A signed message to a receiver of webhooks."""

    kind: ClassVar[str] = "webhook"
    receiver: str
    body: dict[str, Any]


AnyMessage = (
    NoticeMessage
    | AfcMessage
    | ClientMessage
    | AlertMessage
    | OwnEvent
    | OrderMessage
    | CommandMessage
    | ContainmentMessage
    | WebhookMessage
)
"""The closed set of messages: who tells them apart leaves none out."""
MESSAGES: dict[str, type[AnyMessage]] = {kind.kind: kind for kind in get_args(AnyMessage)}


def read_message(kind: str, payload: dict[str, Any]) -> AnyMessage:
    """Return a stored message as its class. Raise DataError for a kind that is not known."""
    if kind not in MESSAGES:
        raise DataError(f"the outbox holds a message of the kind '{kind[:40]}', which this version does not know")
    return MESSAGES[kind].read(payload)
