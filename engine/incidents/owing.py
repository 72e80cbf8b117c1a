"""Which incidents the law's duties hold for: by their class once people confirm them, and with whatever part of them is
moved elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

from engine.incidents.facts import Disposition, FindingPart
from engine.incidents.incident import Incident

NotifiableClass = Literal["unauthorised-access", "unauthorised-change", "third-party-acts", "fraud"]
NOTIFIABLE_CLASSES: tuple[NotifiableClass, ...] = get_args(NotifiableClass)
_FIRST_WORDS = ("unauthorised-", "third-party", "fraud")
"""A rule file of one's own may name a finer class: it owes what the class owes that it begins with."""


def owes_when_confirmed(incident_class: str) -> bool:
    """Say whether the duties hold for every true positive of a class."""
    return incident_class.startswith(_FIRST_WORDS)


def must_be_raised(incident: Incident) -> bool:
    """Say whether confirming an incident raises its duties: two persons may have found before that they do not hold."""
    return owes_when_confirmed(incident.incident_class) and not incident.notifiable and not incident.waived


def leaving_with(incident: Incident, parts: Sequence[FindingPart]) -> tuple[FindingPart, ...]:
    """Return parts as they leave an incident: what nothing that stays explains, they take with them.

    People may have said that the duties hold, or that it is a personal-data breach: then it holds for every part.
    """
    notifiable = incident.notifiable and not any(part.notifiable for part in incident.parts.values())
    personal = incident.personal_data and not any(part.personal_data for part in incident.parts.values())
    return tuple(
        part.model_copy(
            update={"notifiable": part.notifiable or notifiable, "personal_data": part.personal_data or personal}
        )
        for part in parts
    )


def ends_duties(disposition: Disposition) -> bool:
    """Say whether a disposition means that there was no incident to tell of: its clocks, drafts and tasks end."""
    return disposition != "true_positive"
