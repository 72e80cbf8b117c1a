"""Mail addresses: what may stand behind ``To:`` (RFC 5321, 5322), and nothing that could smuggle a header in."""

from __future__ import annotations

import re
from ipaddress import ip_address

from email_validator import EmailNotValidError, validate_email

from engine.kernel.errors import InputError

LOCAL = "localhost"
_SEVERAL = re.compile(r"[,;]")
_BRACKETS = re.compile(r"<([^<>]*)>")


_NOWHERE = (
    "localhost", "localdomain", "invalid", "local", "test", "example", "internal", "lan", "arpa", "example.com",
    "example.net", "example.org",
)  # fmt: skip
"""Names that are this machine or its network, or are kept for examples (RFC 2606, 6761, 6762, 9476)."""


def is_local(address: str) -> bool:
    """Say whether mail to an address stays on this machine or can never arrive; what is no address cannot either.

    The address may stand in angle brackets behind a name; of several every one must lead away from here.
    """
    return any(_is_local(part) for part in _SEVERAL.split(address) if part.strip()) or not address.strip(" ,;")


def _is_local(text: str) -> bool:
    named = _BRACKETS.search(text)
    local, at, domain = (named.group(1) if named else text).strip().rpartition("@")
    domain = domain.strip().lower().rstrip(".")
    if not at or not local or not domain:
        return True
    literal = domain.strip("[]").removeprefix("ipv6:")
    try:
        found = ip_address(literal)
    except ValueError:
        return "." not in domain or any(domain == name or domain.endswith(f".{name}") for name in _NOWHERE)
    found = getattr(found, "ipv4_mapped", None) or found
    return found.is_loopback or found.is_unspecified or found.is_link_local


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
