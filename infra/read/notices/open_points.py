"""What an officer should know before approving a text: which fields are open still, and which would be written
otherwise now. Nothing is recorded by asking."""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple

from engine.incidents.incident import Incident
from engine.notices.completeness import not_known
from engine.notices.kinds import notice_kinds
from engine.notices.many import told_to
from engine.notices.notice import Notice
from engine.policies.notices import Composer
from infra.read.notices.documents import whom
from infra.read.notices.looking import looking
from infra.store.log.decisions import Decisions
from reports.wording import LANGUAGES, wording


class Points(NamedTuple):
    """Fields by language: those that say that something is not known yet, and those whose facts changed."""

    open: dict[str, tuple[str, ...]]
    changed: dict[str, tuple[str, ...]]


def points_of(decisions: Decisions, composer: Composer, notice: Notice, at: datetime) -> Points:
    """Return what is open in a text that is not approved yet, and what changed since the engine wrote it last."""
    if notice.approved_at is not None or not notice.content:
        return Points({}, {})
    return Points(_open(notice), _changed(decisions, composer, notice, at))


def _open(notice: Notice) -> dict[str, tuple[str, ...]]:
    found = {}
    for language, fields in notice.content.items():
        values: dict[str, Any] = wording(language)["values"] if language in LANGUAGES else {}
        phrases = [str(values[name]) for name in ("open", "uncounted") if name in values]
        named = tuple(name for name, text in fields.items() if any(it in text for it in phrases))
        if language == "json":
            named = not_known(notice.content)
        if named:
            found[language] = named
    return found


def _changed(decisions: Decisions, composer: Composer, notice: Notice, at: datetime) -> dict[str, tuple[str, ...]]:
    """The fields that would be written otherwise now than the engine wrote them last, whatever people wrote since."""
    ours = next((it.content for it in reversed(notice.versions) if it.composed), None)
    incident = decisions.load(Incident, notice.incident_id)
    spec = notice_kinds().get(notice.kind)
    if ours is None or spec is None or not incident.id:
        return {}
    told = told_to(spec, notice.subject if spec.per == "client" else "", notice.named or incident.entities.clients)
    context = looking(decisions, at)
    clients = whom(decisions, notice) if notice.to_many else ()
    follows = decisions.load(Notice, notice.follows) if notice.follows else None
    late = any("late" in fields for fields in ours.values())
    now, _ = composer.text(
        context, incident, notice.kind, notice.stage, told, late=late, follows=follows, clients=clients
    )
    found = {}
    for language, fields in now.items():
        before = ours.get(language, {})
        named = tuple(name for name, text in fields.items() if name != "late" and before.get(name) != text)
        if named:
            found[language] = named
    return found
