"""How notices are signed, and who checks digital signatures."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, Field

from engine.handlers.desk import NoticeSignature
from infra.settings.webhooks import https_address


class SigningSettings(BaseModel, frozen=True):
    """How notices are signed, and who checks digital signatures."""

    notice_signature: NoticeSignature = "by_hand"
    """``required``: a notice is approved only with the approver's valid digital signature over it (docs/signing.md)."""
    ncanode_url: Annotated[str, AfterValidator(https_address)] | None = None
    """Where NCANode answers, which checks the signatures; https, or http on this machine."""
    ncanode_timeout_s: float = Field(default=20.0, gt=0, le=120)
    ncanode_seal_key: Path | None = None
    """The organisation's seal for ``qorgau notices seal``: a file PKCS12; the person's keys never come here."""
    ncanode_seal_password_file: Path | None = None
