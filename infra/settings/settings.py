"""Settings from ``QORGAU_*`` variables and ``qorgau.toml``; a name that is not known stops the start."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource
from pydantic_settings.exceptions import SettingsError

from engine.kernel.addresses import check_address
from engine.kernel.errors import DataError, InputError
from engine.notices.notice import recipients
from infra.settings.houses import own_names, refuse_shared
from infra.settings.kafka import KafkaSettings
from infra.settings.law import LawSettings
from infra.settings.observing import ObservingSettings
from infra.settings.orders import OrderSettings
from infra.settings.readiness import Readiness
from infra.settings.search import SearchSettings
from infra.settings.serving import ServingSettings
from infra.settings.signing_in import SigningInSettings
from infra.settings.store import StoreSettings
from infra.settings.syslog import SyslogSettings
from infra.settings.webhooks import LOOPBACK, WebhookSettings

PREFIX = "QORGAU_"
NO_SUCH = "there is no such setting; see 'Settings' in the README"
NOT_SETTINGS = frozenset({"QORGAU_REQUIRE_BROWSER", "QORGAU_REQUIRE_SERVICES", "QORGAU_TOML"})


MADE_UP = {
    "organisation_ru": "ТОО «МФО Демо»", "organisation_kk": "«Демо МҚҰ» ЖШС", "organisation_en": "MFO Demo LLP",
    "organisation_bin": "000000000000", "organisation_contact": "+7 727 000 00 00",
}  # fmt: skip
"""The organisation of the demonstration."""


class Settings(
    StoreSettings,
    ServingSettings,
    SigningInSettings,
    LawSettings,
    Readiness,
    OrderSettings,
    KafkaSettings,
    SyslogSettings,
    SearchSettings,
    ObservingSettings,
    BaseSettings,
):
    """Everything an organisation may set, one model for each part; defaults run the whole product on one machine."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="forbid", frozen=True)

    organisation: str = Field(default="", pattern="^[a-z0-9-]{0,40}$")
    organisations: dict[str, dict[str, Any]] = {}
    webhooks: dict[Annotated[str, Field(pattern="^[a-z0-9-]{1,40}$")], WebhookSettings] = {}

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Environment first, then the file."""
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, toml_file=_toml())

    def for_demonstration(self, **more: Any) -> Settings:
        """Return settings for the demonstration: an organisation where none is named, and a spool that counts."""
        made_up = {name: text for name, text in MADE_UP.items() if name not in self.model_fields_set}
        found = self.model_copy(update={**made_up, **more})
        found._demonstration = True
        return found

    def of_organisation(self, slug: str) -> Settings:
        """Return the settings of one organisation: those of the installation with its own on top, in its own directory.

        Raise DataError for a name that is not there, or a value that is wrong.
        """
        if slug not in self.organisations:
            known = ", ".join(sorted(self.organisations)) or "none"
            raise DataError(f"there is no organisation '{slug}'; known: {known}", field=f"{PREFIX}ORGANISATION")
        values = {name: self._values_of(name) for name in self.organisations}
        refuse_shared(values)
        return _checked(values[slug], f"organisations.{slug}.")

    def _values_of(self, slug: str) -> dict[str, Any]:
        common = self.model_dump(exclude={"organisations", "organisation"}, exclude_unset=True)
        named = self.organisations[slug]
        own: dict[str, Any] = {
            "data": self.data / slug, **own_names(slug, named, common, len(self.organisations)), **named,
            "organisation": slug,
        }  # fmt: skip
        if self.keys is not None:
            own.setdefault("keys", self.keys / slug)
        if (self.database or self.keyring) and not {"database", "keyring"} & named.keys():
            raise DataError("every organisation needs a database of its own", field=f"organisations.{slug}.database")
        return {**common, **own}


def _toml() -> Path:
    return Path(os.environ.get("QORGAU_TOML", "qorgau.toml"))


def load_settings(**overrides: Any) -> Settings:
    """Read the settings; raises DataError naming the variable or field that is wrong."""
    known = {PREFIX + name.upper() for name in Settings.model_fields} | NOT_SETTINGS
    for name in sorted(os.environ):
        if name.startswith(PREFIX) and name not in known:
            raise DataError(NO_SUCH, field=name)
    try:
        settings = _checked({name: value for name, value in overrides.items() if value is not None})
    except SettingsError as error:
        raise DataError(f"cannot be read: {error}") from None
    except tomllib.TOMLDecodeError as error:
        raise DataError(f"not TOML: {error}", file=str(_toml())) from None
    return settings.of_organisation(settings.organisation) if settings.organisation else settings


def _checked(values: dict[str, Any], where: str = "") -> Settings:
    try:
        settings = Settings(**values)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        name = "_".join(str(part) for part in first["loc"])
        field = where + name if where else PREFIX + name.upper()
        unknown = first["type"] == "extra_forbidden"
        raise DataError(NO_SUCH if unknown else str(first["msg"]), field=field) from None
    _check_addresses(settings, where)
    _ = settings.clock_policy.specs
    return settings


def _check_addresses(settings: Settings, where: str) -> None:
    """Refuse addresses that are none, before anything legal rests on them."""
    named = {name: getattr(settings, name) for name in Settings.model_fields if name.endswith("_mail")}
    named |= {"mail_from": settings.mail_from, **{f"role_mail.{k}": v for k, v in settings.role_mail.items()}}
    named.pop("role_mail", None)
    for name, text in named.items():
        for address in recipients(text or ""):
            try:
                check_address(address)
            except InputError as error:
                raise DataError(error.message, field=where + name) from None
    if settings.smtp_host and settings.smtp_tls == "none" and settings.smtp_host not in LOOPBACK:
        raise DataError("mail goes over TLS; 'none' is for a server on this machine", field=f"{where}smtp_tls")
