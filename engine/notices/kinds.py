"""The kinds of notices, as data: whom each tells, which duty it does, when it is drafted and followed up.

One file a jurisdiction (``engine/data/JURISDICTION/notices.yml``); the words of the texts stand in ``reports``.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from importlib import resources
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from engine.duties.declared import HOME, Condition
from engine.governance.register import builtin_register
from engine.kernel.errors import DataError, NotFound
from engine.kernel.yaml_text import read_declared
from engine.notices.facts import NoticeStage

Occurrence = Literal["recovery-confirmed", "incident-closed"]


class NoticeKindSpec(BaseModel):
    """One kind of notice."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    kind: str
    clock: str | None
    """The duty that the first notice does."""
    addressee: str
    """The setting with its address, or a name in ``notice_mail``."""
    domains: tuple[str, ...] = ()
    """Domains to whose addresses people may direct it, beside those that the organisation lists."""
    obligations: tuple[str, ...]
    per: Literal["incident", "client", "recipient"]
    drafted_when: tuple[Condition, ...] = ()
    by_hand: bool = False
    """Whether people may draft it themselves."""
    follow_ups: Mapping[Occurrence, NoticeStage] = {}
    supplement: str | None = None
    """The duty of a supplement, where another incident is merged in after the first notice."""
    release: str | None = None
    """The duty of a notice to a client that what was blocked of his is free again."""
    attaches_list: bool = False
    """Whether the list of those concerned goes with it, encrypted."""
    explain_if_late: bool = False
    """Whether it must say why, when it is sent after its term."""
    form: Literal["text", "message"] = "text"

    @property
    def duties(self) -> tuple[str, ...]:
        """The duties that notices of this kind do."""
        return tuple(it for it in (self.clock, self.supplement, self.release) if it is not None)

    def stage_of(self, duty: str) -> NoticeStage:
        """Name the stage of the notice that does a duty."""
        if duty == self.supplement:
            return "supplement" if self.per == "client" else "follow_up"
        return "unblock" if duty == self.release else "initial"

    @property
    def drafted_by_itself(self) -> bool:
        """Say whether an incident that meets the conditions gets a draft."""
        return bool(self.drafted_when)


@lru_cache(maxsize=8)
def notice_kinds(jurisdiction: str = HOME) -> dict[str, NoticeKindSpec]:
    """Return the kinds of a jurisdiction, by name, in the order in which they are drafted. Raise DataError."""
    file = f"{jurisdiction}/notices.yml"
    source = resources.files("engine") / "data" / jurisdiction / "notices.yml"
    if not source.is_file():
        return {}
    found = {}
    for number, entry in enumerate(_entries(source.read_text(encoding="utf8"), file), 1):
        try:
            spec = NoticeKindSpec.model_validate(entry)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(str(part) for part in first["loc"])
            raise DataError(f"notice {number}: {where}: {first['msg']}", file=file) from None
        missing = [key for key in spec.obligations if key not in builtin_register()]
        if missing or not (spec.by_hand or spec.drafted_when):
            what = f"no obligation '{missing[0]}'" if missing else "nothing drafts it"
            raise DataError(f"{spec.kind}: {what}", file=file)
        found[spec.kind] = spec
    return found


def _entries(text: str, file: str) -> list[object]:
    document = read_declared(text, file)
    if not isinstance(document, dict) or not isinstance(document.get("notices"), list):
        raise DataError("it holds a list of notices", file=file)
    entries: list[object] = document["notices"]
    return entries


def notice_kind(kind: str) -> NoticeKindSpec:
    """Return one kind. Raise NotFound naming those there are."""
    kinds = notice_kinds()
    if kind not in kinds:
        raise NotFound("there is no kind of notice '{kind}'; known: {kinds}", kind=kind[:40], kinds=tuple(kinds))
    return kinds[kind]


def kind_of_clock(clock: str) -> NoticeKindSpec | None:
    """Return the kind of notice that does a duty, None for a duty that no notice does."""
    return next((spec for spec in notice_kinds().values() if clock in spec.duties), None)
