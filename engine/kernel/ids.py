"""Derived identifiers: the same cause always gives the same id, so a repeated command repeats nothing.

All are UUID version 5 (RFC 9562, section 5.5) under one namespace of the product.
"""

from __future__ import annotations

from uuid import UUID, uuid5

NAMESPACE = UUID("6f1f3b0e-5a0c-5d0e-9d7e-0b9f6b1c7a11")


def derive(kind: str, *parts: object) -> UUID:
    """Return the id of a ``kind`` of thing identified by ``parts`` (joined by a character no id contains)."""
    return uuid5(NAMESPACE, "\x1f".join([kind, *map(str, parts)]))
