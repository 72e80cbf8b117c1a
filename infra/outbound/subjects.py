"""The list of those whom a personal-data breach concerns, as a file that only its addressee can read: ZIP with AES-256
(WinZip AE-2), under a password that goes another way. It names clients and loans as the lender does; nothing more of
them is known here.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from datetime import datetime
from io import BytesIO, StringIO
from typing import NamedTuple

import pyzipper

from engine.incidents.incident import Incident
from engine.kernel.errors import DecisionRefused
from engine.notices.kinds import notice_kinds
from engine.notices.notice import Notice, list_hash
from infra.store.keys.vault import Vault
from infra.store.log.decisions import Decisions

LIST = "subjects.csv"
MEDIA_TYPE = "application/zip"


class SubjectLists:
    """Makes the lists of one organisation."""

    def __init__(self, decisions: Decisions, vault: Vault) -> None:
        self.decisions = decisions
        self.vault = vault

    def password(self, notice: Notice) -> str:
        """Return the password of a notice's list: always the same, known to nobody without the keys of the house."""
        return self.vault.password(f"subjects:{notice.id}")

    def of(self, notice: Notice) -> SubjectList | None:
        """Return the list as it was approved, or as it would go now; None for a notice that has none.

        Raise DecisionRefused where those who were approved are not in the incident any more.
        """
        spec = notice_kinds().get(notice.kind)
        if spec is None or not spec.attaches_list or notice.stage != "initial":
            return None
        incident = self.decisions.load(Incident, notice.incident_id)
        clients = incident.entities.clients
        if notice.approved_at is not None:
            clients = clients[: notice.subjects]
            if notice.list_sha256 and list_hash(clients) != notice.list_sha256:
                raise DecisionRefused("the list of those concerned is not the one that was approved")
        if not clients:
            return None
        text = _csv(clients, incident.entities.loans)
        at = notice.approved_at or notice.drafted_at
        return SubjectList(f"subjects-{notice.id[:8]}.zip", encrypted(text, self.password(notice), at), len(clients))


class SubjectList(NamedTuple):
    """An encrypted list: its file name, its bytes, how many it names."""

    name: str
    data: bytes
    named: int


def encrypted(text: str, password: str, at: datetime | None) -> bytes:
    """Return a list as a ZIP with AES-256."""
    out = BytesIO()
    entry = pyzipper.AESZipFile.zipinfo_cls(
        LIST, date_time=at.timetuple()[:6] if at is not None else (1980, 1, 1, 0, 0, 0)
    )
    with pyzipper.AESZipFile(out, "w", compression=pyzipper.ZIP_DEFLATED, encryption=pyzipper.WZ_AES) as file:
        file.setpassword(password.encode())
        file.setencryption(pyzipper.WZ_AES, nbits=256)
        entry.compress_type = pyzipper.ZIP_DEFLATED
        file.writestr(entry, text.encode())
    return out.getvalue()


def _csv(clients: Sequence[str], loans: Sequence[str]) -> str:
    out = StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(("kind", "identifier"))
    writer.writerows(("client", it) for it in clients)
    writer.writerows(("loan", it) for it in loans)
    return out.getvalue()
