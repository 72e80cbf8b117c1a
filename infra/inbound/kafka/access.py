"""How the brokers are reached: plainly, over TLS, and with a name and password (SASL SCRAM-SHA-512 or PLAIN)."""

from __future__ import annotations

import ssl
from typing import Any

from faust.auth import SASLCredentials, SSLCredentials
from faust.types.auth import CredentialsT

from infra.settings.kafka import KafkaSettings

MECHANISM = "SCRAM-SHA-512"


def _context(settings: KafkaSettings) -> ssl.SSLContext | None:
    if not settings.kafka_tls:
        return None
    return ssl.create_default_context(cafile=str(settings.kafka_ca) if settings.kafka_ca else None)


def client_options(settings: KafkaSettings) -> dict[str, Any]:
    """Return what the clients of aiokafka need."""
    context, user = _context(settings), settings.kafka_user
    protocol = ("SASL_" if user else "") + ("SSL" if context else "PLAINTEXT")
    options: dict[str, Any] = {"bootstrap_servers": settings.kafka, "security_protocol": protocol}
    if context is not None:
        options["ssl_context"] = context
    if user:
        options |= {
            "sasl_mechanism": MECHANISM, "sasl_plain_username": user,
            "sasl_plain_password": settings.kafka_password or "",
        }  # fmt: skip
    return options


def credentials(settings: KafkaSettings) -> CredentialsT | None:
    """Return what Faust needs."""
    context, user = _context(settings), settings.kafka_user
    if user:
        return SASLCredentials(
            username=user, password=settings.kafka_password or "", mechanism=MECHANISM, ssl_context=context
        )
    return SSLCredentials(context=context) if context is not None else None
