"""What an organisation has not set yet, and what that means: nothing of it stops the start, for clocks and intake must
run, but what has no way out to its addressee counts for nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from engine.kernel.addresses import is_local
from engine.notices.completeness import (
    FEWEST_DIGITS,
    NO_ADDRESS,
    NO_ALERTS,
    NO_BIN,
    NO_CONTACT,
    NO_CONTACT_KK,
    NO_GATEWAY,
    NO_NAME,
    NO_NCANODE,
    NO_SERVER,
)
from engine.notices.kinds import notice_kind, notice_kinds
from engine.notices.notice import recipients
from infra.settings.mail import MailSettings
from infra.settings.sender import SenderSettings
from infra.settings.signing import SigningSettings
from reports.drafts import speaks

_BY_NETWORK = {"afc": "afc_url", "client": "client_gateway_url"}
"""Kind of notice → the setting that makes a mail address needless."""


class Lack(NamedTuple):
    """A setting that is missing, and what follows (a message id)."""

    setting: str
    message: str


class Readiness(MailSettings, SenderSettings, SigningSettings, frozen=True):
    """The settings that a notice needs, and what they lack."""

    def lacking(self) -> tuple[Lack, ...]:
        """Return what is missing for the organisation as a whole; of what is sent nothing in the demonstration."""
        if self.demonstration:
            return self._signing()
        kinds = [it for it in notice_kinds().values() if it.drafted_by_itself]
        found = [lack for spec in kinds for lack in self._ways(spec.kind, recipients(self.mail_of(spec.kind)))]
        alerts = [Lack("alert_mail", NO_ALERTS)] if _local(recipients(self.alert_mail)) else []
        return tuple(dict.fromkeys((*found, *alerts, *self._sender(), *self._signing())))

    def missing_for(self, kind: str, to: Sequence[str]) -> tuple[str, ...]:
        """Return the settings without which a notice of a kind does not reach its recipients."""
        return () if self.demonstration else tuple(dict.fromkeys(it.setting for it in self._ways(kind, to)))

    def _ways(self, kind: str, to: Sequence[str]) -> Iterator[Lack]:
        name = _BY_NETWORK.get(kind, "")
        if name and getattr(self, name):
            return
        if kind == "client" and _local(to):
            yield Lack("client_gateway_url", NO_GATEWAY)
            return
        if self.smtp_host is None:
            yield Lack("smtp_host", NO_SERVER)
        if _local(to):
            yield Lack(notice_kind(kind).addressee, NO_ADDRESS)

    def _signing(self) -> tuple[Lack, ...]:
        """Nobody can approve where a signature is required and nobody checks one; not in the demonstration either."""
        unchecked = self.notice_signature == "required" and self.ncanode_url is None
        return (Lack("ncanode_url", NO_NCANODE),) if unchecked else ()

    def _sender(self) -> Iterator[Lack]:
        for language in self.notice_languages:
            if f"organisation_{language}" not in self.model_fields_set:
                yield Lack(f"organisation_{language}", NO_NAME)
        if not self.organisation_bin:
            yield Lack("organisation_bin", NO_BIN)
        if sum(ch.isdigit() for ch in self.organisation_contact) < FEWEST_DIGITS:
            yield Lack("organisation_contact", NO_CONTACT)
        if "kk" in self.notice_languages and speaks(self.organisation_contact) and not self.organisation_contact_kk:
            yield Lack("organisation_contact_kk", NO_CONTACT_KK)


def _local(to: Sequence[str]) -> bool:
    return not to or any(is_local(it) for it in to)
