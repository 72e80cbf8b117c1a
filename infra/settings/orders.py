"""The systems that take orders, each by an address on the network or by letter."""

from __future__ import annotations

from pydantic import BaseModel


class OrderSettings(BaseModel, frozen=True):
    """The systems that take orders, each by an address on the network or by letter."""

    collections_url: str | None = None
    loans_url: str | None = None
    bureau_url: str | None = None
    access_url: str | None = None
    collections_mail: str | None = None
    loans_mail: str | None = None
    bureau_mail: str | None = None
    bureaus: tuple[str, ...] = ("pkb", "gkb")

    def order_url(self, system: str) -> str | None:
        """Return the address of a system's order channel, None when none is configured."""
        return {
            "collections": self.collections_url,
            "loans": self.loans_url,
            "bureau": self.bureau_url,
            "access": self.access_url,
        }.get(system)

    def order_mail(self, system: str) -> str | None:
        """Return the address to which a system's orders go as letters, None when none is configured."""
        return {
            "collections": self.collections_mail,
            "loans": self.loans_mail,
            "bureau": self.bureau_mail,
        }.get(system)
