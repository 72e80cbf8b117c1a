"""Whom notices go to, in which languages, and the server that takes them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, Field, PrivateAttr

from engine.notices.kinds import notice_kind
from engine.notices.notice import recipients
from infra.settings.webhooks import http_address, https_address, secret


class MailSettings(BaseModel, frozen=True):
    """Whom notices go to, in which languages, and the server that takes them."""

    mail_from: str = "qorgau@localhost"
    regulator_mail: str = "regulator@localhost"
    pd_authority_mail: str = "personal-data@localhost"
    client_gateway_mail: str = "client-gateway@localhost"
    client_gateway_url: Annotated[str, AfterValidator(https_address)] | None = None
    client_gateway_secrets: Annotated[
        tuple[Annotated[str, AfterValidator(secret)], ...], Field(max_length=2, repr=False)
    ] = ()
    client_gateway_source: str = Field(default="client-gateway", pattern="^[a-z0-9-]{1,40}$")
    """The source whose token the gateway shows when it reports what became of notices."""
    law_enforcement_mail: str = ""
    stakeholder_mail: str = ""
    afc_mail: str = "antifraud-centre@localhost"
    afc_url: Annotated[str, AfterValidator(http_address)] | None = None
    notice_mail: dict[str, str] = {}
    notice_recipients: tuple[str, ...] = ()
    """Addresses and domains to which people may direct a notice that goes to whom they name."""
    notice_languages: tuple[Literal["kk", "ru", "en"], ...] = ("ru", "kk")
    alert_mail: str = "security@localhost"
    smtp_host: str | None = None
    smtp_port: int = 587
    smtp_user: str | None = None
    smtp_password: str | None = None
    smtp_tls: Literal["starttls", "tls", "none"] = "starttls"

    _demonstration: bool = PrivateAttr(default=False)

    @property
    def demonstration(self) -> bool:
        """Whether this is ``serve --demo``: only there a message in the spool counts as sent. No setting says so."""
        return self._demonstration

    def mail_of(self, kind: str) -> str:
        """Return the address (or addresses, by commas) a kind of notice goes to; empty where a person names it.

        The kind's data name a setting of their own, or one of the addresses in ``notice_mail``.
        """
        name = notice_kind(kind).addressee
        return self.notice_mail.get(kind, "") or str(getattr(self, name, ""))

    def may_go_to(self, kind: str, address: str) -> bool:
        """Say whether a notice of a kind may go to an address: one that is set for the kind, or, of a kind that goes to
        whom people name, one that is listed or lies in a domain that is."""
        to, spec = address.casefold(), notice_kind(kind)
        if to in (it.casefold() for it in recipients(self.mail_of(kind))):
            return True
        if spec.per != "recipient":
            return False
        domain = to.rpartition("@")[2]
        listed = [it.strip().casefold().removeprefix("@") for it in (*self.notice_recipients, *spec.domains)]
        return any(it and (to == it or domain == it or domain.endswith(f".{it}")) for it in listed)
