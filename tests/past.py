"""What has happened before a test begins: facts in short form, and the instants they stand at."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

from engine.incidents.facts import (
    CauseEliminated,
    ClosureProposed,
    ConsequenceEliminated,
    FindingJoined,
    IncidentClosed,
    IncidentOpened,
)
from engine.kernel.facts import Entities, FindingRaised
from engine.notices.facts import NoticeApproved, NoticeDrafted, NoticeSubmitted
from engine.notices.notice import content_hash
from engine.protection.facts import ActRegistered, LegalAct
from tests.support import COMPLIANCE, MONDAY

NOW = MONDAY + timedelta(hours=3)
THEN = MONDAY - timedelta(hours=2)


def finding(name: str = "f-1", **fields: Any) -> FindingRaised:
    """A rule fired for one client."""
    given = {
        "at": MONDAY, "finding_id": name, "rule_id": "r-1", "rule_name": "iin-change", "rule_title": "IIN changed",
        "rule_version": "0123456789abcdef", "severity": "high", "incident_class": "unauthorised-change",
        "notifiable": True, "personal_data": True, "obligations": ("smartolet-4.1",), "dedup_key": "iin-change|c-1",
        "detected_at": MONDAY, "first_event_at": THEN, "positions": (1,),
        "matched": {"event.action": "portal.profile.change_applied"}, "entities": Entities(clients=("c-1",)),
    }  # fmt: skip
    return FindingRaised(**{**given, **fields})


def opened(name: str = "i-1", **fields: Any) -> IncidentOpened:
    """An incident, by default one of which the law wants nothing told."""
    given = {
        "at": MONDAY, "incident_id": name, "number": "INC-1", "title": "IIN changed", "incident_class": "fraud",
        "severity": "high", "notifiable": False, "personal_data": False, "detected_at": MONDAY,
        "detection_source": "portal", "dedup_key": "k", "rule_name": "iin-change", "finding_id": f"{name}-f1",
        "obligations": (), "entities": Entities(clients=("c-1",)), "playbook": None, "first_event_at": THEN,
    }  # fmt: skip
    return IncidentOpened(**{**given, **fields})


def notifiable(name: str = "i-1", **fields: Any) -> IncidentOpened:
    """An incident that must be told of."""
    return opened(name, **{"notifiable": True, "personal_data": True, **fields})


def joined(number: int, name: str = "i-1", **fields: Any) -> FindingJoined:
    """Another finding in an incident, one minute after the last."""
    given = {
        "at": MONDAY, "incident_id": name, "finding_id": f"{name}-f{number}", "rule_name": f"rule-{number}",
        "detected_at": MONDAY + timedelta(minutes=number), "entities": Entities(clients=(f"c-{number}",)),
        "new_clients": (f"c-{number}",),
    }  # fmt: skip
    return FindingJoined(**{**given, **fields})


def repaired(name: str = "i-1") -> tuple[CauseEliminated, ConsequenceEliminated]:
    """Cause and consequences are gone."""
    common = {"at": MONDAY, "actor": "aigul", "incident_id": name, "evidence": "ticket 7"}
    return CauseEliminated(**common), ConsequenceEliminated(**common)


def closing(disposition: str = "false_positive", by: str = "aigul", name: str = "i-1") -> ClosureProposed:
    """Somebody proposed to close it."""
    return ClosureProposed(at=MONDAY, actor=by, reason="seen", incident_id=name, disposition=disposition)


def closed(disposition: str = "false_positive", name: str = "i-1") -> IncidentClosed:
    """It is closed."""
    return IncidentClosed(
        at=MONDAY, actor="aigul", reason="seen", incident_id=name, disposition=disposition, second_person=None
    )


CONTENT = {"ru": {"title": "Инцидент", "body": "Изменён ИИН"}, "kk": {"title": "Оқиға", "body": "ЖСН өзгертілді"}}


def drafted(**fields: Any) -> NoticeDrafted:
    """A notice to the regulator."""
    given = {
        "at": MONDAY, "notice_id": "n-1", "kind": "regulator", "incident_id": "i-1", "subject": "",
        "template_version": "product", "content": CONTENT, "obligations": (), "recipient": "info@afm.example",
    }  # fmt: skip
    return NoticeDrafted(**{**given, **fields})


def submitted(by: str = "aigul") -> NoticeSubmitted:
    """Somebody asked for a review."""
    return NoticeSubmitted(at=MONDAY, actor=by, notice_id="n-1")


def approved(at: datetime = MONDAY) -> NoticeApproved:
    """A second person froze the text."""
    return NoticeApproved(at=at, actor="bolat", notice_id="n-1", content_hash=content_hash(CONTENT))


def act(**fields: Any) -> LegalAct:
    """A resolution that recognises a client as victim."""
    given = {
        "kind": "victim_resolution", "issuer": "Police of Almaty", "number": "17", "act_date": date(2026, 11, 20),
        "received_at": MONDAY, "channel": "letter", "client": "c-1", "loans": ("l-1", "l-2"),
        "bureaus": ("first-bureau", "state-bureau"),
    }  # fmt: skip
    return LegalAct(**{**given, **fields})


def registered(by: str = COMPLIANCE.id, **fields: Any) -> ActRegistered:
    """The act was entered."""
    return ActRegistered(at=MONDAY, actor=by, protection_id="p-1", act=act(**fields))
