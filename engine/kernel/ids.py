"""Derived identifiers: the same cause always gives the same id, so a repeated command repeats nothing.

All are UUID version 5 (RFC 9562, section 5.5) under one namespace of the product.
"""

from __future__ import annotations

from functools import lru_cache
from uuid import UUID, uuid5

NAMESPACE = UUID("6f1f3b0e-5a0c-5d0e-9d7e-0b9f6b1c7a11")


def derive(kind: str, *parts: object) -> UUID:
    """Return the id of a ``kind`` of thing identified by ``parts`` (joined by a character no id contains)."""
    return _derived("\x1f".join([kind, *map(str, parts)]))


@lru_cache(maxsize=8_192)
def _derived(name: str) -> UUID:
    """Return the id of a name; the same few are asked for again and again while one incident is worked on."""
    return uuid5(NAMESPACE, name)
