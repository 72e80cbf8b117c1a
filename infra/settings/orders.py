"""The systems that take orders, each by an address on the network or by letter."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, Field

from infra.settings.webhooks import http_address, secret

Address = Annotated[str, AfterValidator(http_address)]


class OrderSettings(BaseModel, frozen=True):
    """The systems that take orders, each by an address on the network or by letter."""

    collections_url: Address | None = None
    loans_url: Address | None = None
    bureau_url: Address | None = None
    access_url: Address | None = None
    collections_mail: str | None = None
    loans_mail: str | None = None
    bureau_mail: str | None = None
    bureaus: tuple[str, ...] = ("pkb", "gkb")
    order_secrets: Annotated[tuple[Annotated[str, AfterValidator(secret)], ...], Field(max_length=2, repr=False)] = ()
    """Orders are signed with each (whsec_…), as webhooks are; none: they are not signed."""
    order_contract_1: Mapping[Literal["collections", "loans", "bureau", "access"], date] = {}
    """Systems that still answer a bare 2xx, each until before a day: that counts as handed over, never as done."""

    order_sources: Mapping[Literal["collections", "loans", "bureau"], tuple[str, ...]] = {}
    """The sources whose events may answer the orders to a system; a system that is not named: any source."""

    def order_contract(self, system: str, now: datetime) -> Literal[1, 2]:
        """Return which contract a system answers by."""
        until = {str(name): day for name, day in self.order_contract_1.items()}.get(system)
        return 1 if until is not None and now.date() < until else 2

    @property
    def answering(self) -> dict[str, tuple[str, ...]]:
        """Return the sources that may answer, by system."""
        return {str(system): sources for system, sources in self.order_sources.items()}

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
