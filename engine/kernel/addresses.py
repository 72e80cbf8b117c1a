"""Mail addresses: what may stand behind ``To:`` (RFC 5321, 5322), and nothing that could smuggle a header in."""

from __future__ import annotations

from email_validator import EmailNotValidError, validate_email

from engine.kernel.errors import InputError

LOCAL = "localhost"


def is_local(address: str) -> bool:
    """Say whether mail to an address stays on this machine, or can never arrive (RFC 2606, 6761)."""
    domain = address.rpartition("@")[2].strip().lower().rstrip(".")
    return domain in (LOCAL, "localhost.localdomain", "") or domain.endswith((".localhost", ".invalid"))


def check_address(text: str) -> str:
    """Return a mail address in normal form. Raise InputError for anything else; never repeats what was given."""
    if not text.isprintable() or any(ch in text for ch in ' ,;<>"()[]\\'):
        raise InputError("a mail address has no blanks, brackets, quotes or separators", code="address")
    local, _, domain = text.rpartition("@")
    if domain == LOCAL and local.isascii() and local and len(local) <= 64:
        return text
    try:
        return validate_email(text, check_deliverability=False, allow_smtputf8=False, test_environment=True).normalized
    except EmailNotValidError:
        raise InputError("this is not a mail address", code="address") from None
