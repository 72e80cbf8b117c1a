"""Settings from ``QORGAU_*`` variables and ``qorgau.toml``; a name that is not known stops the start."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource
from pydantic_settings.exceptions import SettingsError

from engine.deadlines import Reading
from engine.errors import DataError
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
    calendar_overrides: Path | None = None
    keep_unknown_types: bool = False
    expected_sources: dict[str, int] = {}
    rule_parameters: dict[str, dict[str, Any]] = {}

    organisation_ru: str = "МФО (задайте QORGAU_ORGANISATION_RU)"
    organisation_kk: str = "МҚҰ (QORGAU_ORGANISATION_KK орнатыңыз)"
    organisation_bin: str = "БИН не задан"
    organisation_contact: str = "Служба информационной безопасности"

    mail_from: str = "qorgau@localhost"
    regulator_mail: str = "regulator@localhost"
    pd_authority_mail: str = "personal-data@localhost"
    client_gateway_mail: str = "client-gateway@localhost"
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
    bureaus: tuple[str, ...] = ("pkb", "gkb")

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
    def organisation(self) -> Organisation:
        """The sender of the notices."""
        return Organisation(
            name_ru=self.organisation_ru,
            name_kk=self.organisation_kk,
            bin=self.organisation_bin,
            contact=self.organisation_contact,
        )

    def order_url(self, system: str) -> str | None:
        """Give the address of a system's order channel, None when none is configured."""
        return {
            "collections": self.collections_url,
            "loans": self.loans_url,
            "bureau": self.bureau_url,
            "access": self.access_url,
        }.get(system)

    def mail_of(self, kind: str) -> str:
        """Give the address a kind of notice goes to."""
        return {
            "regulator": self.regulator_mail,
            "pd_authority": self.pd_authority_mail,
            "client": self.client_gateway_mail,
        }[kind]


def _toml() -> Path:
    return Path(os.environ.get("QORGAU_TOML", "qorgau.toml"))


def load_settings(**overrides: Any) -> Settings:
    """Read the settings; raises DataError naming the variable or field that is wrong."""
    known = {PREFIX + name.upper() for name in Settings.model_fields} | NOT_SETTINGS
    for name in sorted(os.environ):
        if name.startswith(PREFIX) and name not in known:
            raise DataError(NO_SUCH, field=name)
    try:
        return Settings(**{name: value for name, value in overrides.items() if value is not None})
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        field = PREFIX + "_".join(str(part) for part in first["loc"]).upper()
        unknown = first["type"] == "extra_forbidden"
        raise DataError(NO_SUCH if unknown else str(first["msg"]), field=field) from None
    except SettingsError as error:
        raise DataError(f"cannot be read: {error}") from None
    except tomllib.TOMLDecodeError as error:
        raise DataError(f"not TOML: {error}", file=str(_toml())) from None
