"""Settings from ``QORGAU_*`` variables and ``qorgau.toml``; a name that is not known stops the start."""

from __future__ import annotations

import os
import tomllib
from datetime import time
from functools import cached_property
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, IPvAnyNetwork, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource
from pydantic_settings.exceptions import SettingsError

from engine.duties.facts import LADDER
from engine.duties.policy import ClockPolicy
from engine.kernel.addresses import check_address
from engine.kernel.errors import DataError, InputError
from engine.notices.kinds import notice_kind
from engine.notices.notice import recipients
from engine.terms.counting import Reading
from infra.settings.webhooks import LOOPBACK, WebhookSettings
from reports.drafts import Organisation

PREFIX = "QORGAU_"
NO_SUCH = "there is no such setting; see 'Settings' in the README"
NOT_SETTINGS = frozenset({"QORGAU_REQUIRE_BROWSER", "QORGAU_REQUIRE_SERVICES", "QORGAU_TOML"})


class Settings(BaseSettings):
    """Everything an organisation may set; defaults run the whole product on one machine."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="forbid", frozen=True)

    data: Path = Path("var")
    database: str | None = None
    keys: Path | None = None
    keyring: str | None = None
    master_key: str | None = Field(default=None, repr=False)
    witnesses: tuple[str, ...] = ()
    witness_keys: tuple[str, ...] = ()
    timestamp_url: str | None = None
    timestamp_roots: Path | None = None
    timestamp_every_s: int = Field(default=3600, ge=1)
    log_name: str = Field(default="qorgau", pattern=r"^[A-Za-z0-9._/-]{1,100}$")
    host: str = "127.0.0.1"
    port: int = Field(default=8080, ge=0, le=65535)
    secure_cookies: bool = False
    session_minutes: int = Field(default=30, ge=1, le=720)

    reading: Reading = "strict"
    clock_readings: dict[str, Reading] = {}
    clock_terms: dict[str, int] = {}
    clock_target_percent: int = Field(default=50, ge=1, le=100)
    clock_ladder: dict[int, tuple[str, ...]] = {}
    role_mail: dict[str, str] = {}
    language: Literal["en", "ru", "kk"] = "en"
    time_zone: str = "Asia/Almaty"
    opens: time = time(9)
    closes: time = time(18)
    calendar_overrides: Path | None = None
    jurisdictions: tuple[str, ...] = Field(default=("kz",), min_length=1)
    keep_unknown_types: bool = False
    expected_sources: dict[str, int] = {}
    rule_parameters: dict[str, dict[str, Any]] = {}

    organisation_ru: str = "МФО (задайте QORGAU_ORGANISATION_RU)"
    organisation_kk: str = "МҚҰ (QORGAU_ORGANISATION_KK орнатыңыз)"
    organisation_en: str = "MFO (set QORGAU_ORGANISATION_EN)"
    organisation_bin: str = Field(default="", pattern="^([0-9]{12})?$")
    organisation_contact: str = ""
    organisation_contact_kk: str = ""
    organisation_contact_en: str = ""

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

    collections_url: str | None = None
    loans_url: str | None = None
    bureau_url: str | None = None
    access_url: str | None = None
    collections_mail: str | None = None
    loans_mail: str | None = None
    bureau_mail: str | None = None
    bureaus: tuple[str, ...] = ("pkb", "gkb")

    organisation: str = Field(default="", pattern="^[a-z0-9-]{0,40}$")
    organisations: dict[str, dict[str, Any]] = {}
    hosts: tuple[str, ...] = ()

    kafka: str | None = None
    kafka_prefix: str = Field(default="qorgau.events", pattern="^[A-Za-z0-9._-]{1,100}$")
    kafka_sources: tuple[str, ...] = ()
    kafka_tls: bool = False
    kafka_ca: Path | None = None
    kafka_user: str | None = None
    kafka_password: str | None = Field(default=None, repr=False)

    syslog_tls: str | None = None
    syslog_tcp: str | None = None
    syslog_udp: str | None = None
    syslog_source: str = Field(default="syslog", pattern="^[A-Za-z0-9._-]{1,100}$")
    syslog_allow: tuple[IPvAnyNetwork, ...] = (IPv4Network("127.0.0.0/8"), IPv6Network("::1/128"))
    syslog_certificate: Path | None = None
    syslog_key: Path | None = None
    syslog_clients_ca: Path | None = None

    elasticsearch: str | None = None
    elasticsearch_prefix: str = Field(default="qorgau", pattern="^[a-z0-9][a-z0-9_-]{0,60}$")
    elasticsearch_user: str | None = None
    elasticsearch_password: str | None = Field(default=None, repr=False)
    elasticsearch_api_key: str | None = Field(default=None, repr=False)
    elasticsearch_ca: Path | None = None

    webhooks: dict[Annotated[str, Field(pattern="^[a-z0-9-]{1,40}$")], WebhookSettings] = {}

    metrics_token: str | None = Field(default=None, repr=False)
    traces: str | None = None
    traces_share: float = Field(default=1.0, ge=0, le=1)
    log_format: Literal["text", "ecs"] = "text"
    readers: int = Field(default=0, ge=0, le=16)
    segment_events: int = Field(default=100_000, ge=0)
    queue_batches: int = Field(default=64, ge=1)

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

    @property
    def keys_folder(self) -> Path:
        """The directory of secrets; on one's own machine beside the data, in earnest elsewhere."""
        return self.keys or self.data / "keys"

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
        )

    def order_url(self, system: str) -> str | None:
        """Give the address of a system's order channel, None when none is configured."""
        return {
            "collections": self.collections_url,
            "loans": self.loans_url,
            "bureau": self.bureau_url,
            "access": self.access_url,
        }.get(system)

    def order_mail(self, system: str) -> str | None:
        """Give the address to which a system's orders go as letters, None when none is configured."""
        return {
            "collections": self.collections_mail,
            "loans": self.loans_mail,
            "bureau": self.bureau_mail,
        }.get(system)

    def mail_of(self, kind: str) -> str:
        """Return the address (or addresses, by commas) a kind of notice goes to; empty where a person names it.

        The kind's data name a setting of their own, or one of the addresses in ``notice_mail``.
        """
        name = notice_kind(kind).addressee
        return self.notice_mail.get(kind, "") or str(getattr(self, name, ""))

    @cached_property
    def clock_policy(self) -> ClockPolicy:
        """How this organisation runs its clocks."""
        return ClockPolicy(
            reading=self.reading,
            readings=self.clock_readings,
            terms=self.clock_terms,
            target_percent=self.clock_target_percent,
            ladder={**LADDER, **self.clock_ladder},
            jurisdictions=self.jurisdictions,
        )

    def of_organisation(self, slug: str) -> Settings:
        """Give the settings of one organisation: those of the installation with its own on top, in its own directory.

        Raises DataError for a name that is not there, or a value that is wrong.
        """
        if slug not in self.organisations:
            known = ", ".join(sorted(self.organisations)) or "none"
            raise DataError(f"there is no organisation '{slug}'; known: {known}", field=f"{PREFIX}ORGANISATION")
        common = self.model_dump(exclude={"organisations", "organisation"}, exclude_unset=True)
        own: dict[str, Any] = {"data": self.data / slug, **self.organisations[slug], "organisation": slug}
        if self.keys is not None:
            own.setdefault("keys", self.keys / slug)
        if (self.database or self.keyring) and not {"database", "keyring"} & self.organisations[slug].keys():
            raise DataError("every organisation needs a database of its own", field=f"organisations.{slug}.database")
        return _checked({**common, **own}, f"organisations.{slug}.")


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
