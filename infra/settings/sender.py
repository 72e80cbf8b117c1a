"""Who the notices come from."""

from __future__ import annotations

from pydantic import BaseModel, Field

from reports.drafts import Organisation


class SenderSettings(BaseModel, frozen=True):
    """Who the notices come from."""

    organisation_ru: str = "МФО (задайте QORGAU_ORGANISATION_RU)"
    organisation_kk: str = "МҚҰ (QORGAU_ORGANISATION_KK орнатыңыз)"
    organisation_en: str = "MFO (set QORGAU_ORGANISATION_EN)"
    organisation_bin: str = Field(default="", pattern="^([0-9]{12})?$")
    organisation_contact: str = ""
    organisation_contact_kk: str = ""
    organisation_contact_en: str = ""
    organisation_responsible_ru: str = ""
    organisation_responsible_kk: str = ""
    organisation_responsible_en: str = ""
    """Who answers for the notices, as clients and the authority for personal data read it: name, post, telephone."""

    @property
    def sender(self) -> Organisation:
        """The sender of the notices."""
        return Organisation(
            name_ru=self.organisation_ru,
            name_kk=self.organisation_kk,
            name_en=self.organisation_en,
            bin=self.organisation_bin,
            contact=self.organisation_contact,
            contacts={"kk": self.organisation_contact_kk, "en": self.organisation_contact_en},
            responsible={
                "ru": self.organisation_responsible_ru,
                "kk": self.organisation_responsible_kk,
                "en": self.organisation_responsible_en,
            },
        )
