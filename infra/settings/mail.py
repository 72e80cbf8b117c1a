"""Whom notices go to, in which languages, and the server that takes them."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel

from engine.notices.kinds import notice_kind


class MailSettings(BaseModel, frozen=True):
    """Whom notices go to, in which languages, and the server that takes them."""

    mail_from: str = "qorgau@localhost"
    regulator_mail: str = "regulator@localhost"
    pd_authority_mail: str = "personal-data@localhost"
    client_gateway_mail: str = "client-gateway@localhost"
    law_enforcement_mail: str = ""
    stakeholder_mail: str = ""
    afc_mail: str = "antifraud-centre@localhost"
    afc_url: str | None = None
    notice_mail: dict[str, str] = {}
    notice_languages: tuple[Literal["kk", "ru", "en"], ...] = ("ru", "kk")
    alert_mail: str = "security@localhost"
    smtp_host: str | None = None
    smtp_port: int = 587
    smtp_user: str | None = None
    smtp_password: str | None = None
    smtp_tls: Literal["starttls", "tls", "none"] = "starttls"

    def mail_of(self, kind: str) -> str:
        """Return the address (or addresses, by commas) a kind of notice goes to; empty where a person names it.

        The kind's data name a setting of their own, or one of the addresses in ``notice_mail``.
        """
        name = notice_kind(kind).addressee
        return self.notice_mail.get(kind, "") or str(getattr(self, name, ""))
