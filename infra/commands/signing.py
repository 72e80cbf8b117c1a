"""The bytes of a notice that its approver signs, and the seal of the organisation over them."""

from __future__ import annotations

from engine.handlers.approving import bytes_to_sign
from engine.kernel.errors import DataError, DecisionRefused, InputError
from engine.kernel.facts import Person
from engine.kernel.ports import Seals
from engine.notices.notice import Notice
from engine.permissions import require
from infra.commands.desk import Desk


def notice_bytes(desk: Desk, notice_id: str, by: Person) -> bytes:
    """Return the bytes that the approver of a notice signs, or signed."""
    with desk.work(by) as work:
        return bytes_to_sign(work, notice_id)


def sealed(desk: Desk, notice_id: str, by: Person) -> bytes:
    """Return the organisation's seal over an approved notice: a detached CMS with a time stamp, verified.

    Raise InputError for settings that are missing, DecisionRefused for a notice that nobody approved.
    """
    require("approve-notice", by)
    settings, checker = desk.settings, desk.signatures
    key, password = settings.ncanode_seal_key, settings.ncanode_seal_password_file
    if key is None or password is None or not isinstance(checker, Seals):
        raise InputError("set QORGAU_NCANODE_URL, QORGAU_NCANODE_SEAL_KEY and QORGAU_NCANODE_SEAL_PASSWORD_FILE")
    with desk.work(by) as work:
        if work.get(Notice, notice_id).approved_at is None:
            raise DecisionRefused("only an approved notice is sealed")
        data = bytes_to_sign(work, notice_id)
    try:
        kept, said = key.read_bytes(), password.read_text(encoding="utf8").rstrip("\r\n")
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror}", file=str(error.filename)) from None
    cms = checker.seal(data, kept, said)
    verdict = checker.verify(cms, data)
    if verdict.outcome != "valid":
        raise DecisionRefused(verdict.reason)
    if not settings.organisation_bin or verdict.bin != settings.organisation_bin:
        raise DecisionRefused("the seal is not that of this organisation: its BIN is another one")
    return cms
