"""The accounts of the demonstration: known to everybody, so a house that is none refuses to start with them."""

from __future__ import annotations

from engine.permissions import Role
from infra.commands.accounts import Accounts

PASSWORD = "qorgau-demo"  # noqa: S105 - shown on the sign-in page of the demonstration
PEOPLE = {
    "aigul": ("Aigul", (Role.SOC_ANALYST.value,)),
    "bolat": ("Bolat", (Role.COMPLIANCE_OFFICER.value,)),
    "dana": ("Dana", (Role.COMPLIANCE_OFFICER.value,)),
    "erlan": ("Erlan", (Role.FRAUD_ANALYST.value,)),
    "gulnar": ("Gulnar", (Role.CISO.value,)),
    "marat": ("Marat", (Role.AUDITOR.value,)),
}
SOURCE = "demo-collector"


def left(accounts: Accounts) -> list[str]:
    """Return the active accounts that still have the password of the demonstration."""
    present = {person.id for person in accounts.people()}
    return [user for user in PEOPLE if user in present and accounts.has_password(user, PASSWORD)]


def remove(accounts: Accounts) -> list[str]:
    """Close the accounts of the demonstration and void its token; return their names."""
    found = left(accounts)
    for user in found:
        accounts.set_active(user, False, actor="command line")
    accounts.forget_source(SOURCE)
    return found
