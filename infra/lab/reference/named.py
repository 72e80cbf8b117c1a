"""The 21 systems that the rules name, and which events of the catalogue each sends (docs/systems.md)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from engine.events.catalogue import EventSpec


class Named(NamedTuple):
    """One system: its name, and the senders of the catalogue that belong to it."""

    id: str
    title: str
    senders: tuple[str, ...] = ()


SYSTEMS: tuple[Named, ...] = (
    Named("portal", "Customer portal and personal cabinet",
          ("portal", "portal (synthetic probe)", "portal/API", "portal/SDK", "reverse proxy", "key server")),
    Named("otp-gateway", "SMS and OTP gateway", ("OTP gateway", "mobile operator DB / eGov phone base")),
    Named("veridoc", "VeriDoc (documents)", ("VeriDoc",)),
    Named("verilive", "VeriLive (liveness)", ("VeriLive",)),
    Named("veriface", "VeriFace (faces)", ("VeriFace",)),
    Named("coid", "ЦОИД, centre of biometric identification", ("ЦОИД (biometric identification centre)",)),
    Named("signature-centre", "Digital-signature (ЭЦП) centre", ("EDS validator",)),
    Named("bureau", "First Credit Bureau (ПКБ) and other bureaus", ("bureau gateway", "bureau gateway/workstation")),
    Named("bureau-workstation", "Bureau workstations",
          ("bureau workstation agent", "bureau workstation agent/firewall")),
    Named("anti-fraud", "Anti-fraud system", ("anti-fraud", "AML system", "fraud team", "contact centre")),
    Named("afc", "Anti-Fraud Centre of the National Bank", ("AFC connector",)),
    Named("loans", "Loan and contract system", ("loan system",)),
    Named("collections", "Collections system", ("collections", "collections/lawyer")),
    Named("payments", "Payment channel (account, card, terminal)", ("loan system/bank", "loan system/bank API")),
    Named("archive", "Electronic document archive", ("document archive",)),
    Named("perimeter", "Firewall, IPS, antivirus, DDoS protection",
          ("firewall", "IPS", "antivirus", "DDoS shield", "egress proxy", "mail/contact centre")),
    Named("backup", "Backup", ("backup",)),
    Named("privileged-access", "Privileged access", ("PAM", "IAM", "UEBA", "database audit", "KMS")),
    Named("code-scanner", "Source-code and vulnerability scanners", ("SAST", "scanner")),
    Named("regulator", "Regulator (Agency; National Bank)", ("regulator mail",)),
    Named("law-enforcement", "Law enforcement and courts", ("registry/office", "lawyer")),
)  # fmt: skip
OTHERS = Named("others", "Everything else of the house (people, premises, information security management)")


def system_of(event: EventSpec) -> Named:
    """Return the system that sends an event type."""
    return next((it for it in SYSTEMS if event.source in it.senders), OTHERS)


def events_of(system: Named, events: Iterable[EventSpec]) -> list[EventSpec]:
    """Return the event types a system sends, those of the engine itself never."""
    return [it for it in events if system_of(it) is system and it.source not in ("engine", "qorgau")]
