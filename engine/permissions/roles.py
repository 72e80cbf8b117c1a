"""The roles. Stored facts and settings keep them as plain strings; a ``Role`` is equal to its own."""

from __future__ import annotations

from enum import StrEnum


class Role(StrEnum):
    """A role of a person, or ``source``: a system that tells by its own events what it did."""

    SOC_ANALYST = "soc_analyst"
    COMPLIANCE_OFFICER = "compliance_officer"
    FRAUD_ANALYST = "fraud_analyst"
    CISO = "ciso"
    AUDITOR = "auditor"
    ADMIN = "admin"
    SOURCE = "source"


PEOPLE: tuple[Role, ...] = tuple(role for role in Role if role is not Role.SOURCE)
"""The roles an account can hold."""

TITLES: dict[Role, str] = {
    Role.SOC_ANALYST: "SOC analyst",
    Role.COMPLIANCE_OFFICER: "Compliance officer",
    Role.FRAUD_ANALYST: "Fraud analyst",
    Role.CISO: "CISO",
    Role.AUDITOR: "Auditor",
    Role.ADMIN: "Administrator",
    Role.SOURCE: "Source system",
}
