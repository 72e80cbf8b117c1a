"""What people may ask for the duties of governance, as values."""

from __future__ import annotations

from datetime import date

from engine.governance.facts import Output
from engine.kernel.commands import Attachment, Command, Made, Outcome, Words


class RecordDuty(Command[Outcome]):
    """Record that a returning duty was done, with its evidence in words and perhaps a document."""

    key: str
    done_on: date
    evidence: Words
    document_id: str = ""
    document: Attachment | None = None


class PlanAction(Output, Command[Outcome]):
    """Plan a corrective action with its owner and day."""

    key: str


class CloseAction(Command[Outcome]):
    """Record that a corrective action was carried out."""

    duty_id: str
    action_id: str
    evidence: Words


class RecordEvidence(Command[Outcome]):
    """Hand in evidence for an obligation, in words and perhaps with a document."""

    obligation: str
    text: Words
    valid_until: date | None = None
    document_id: str = ""
    document: Attachment | None = None


class StateControl(Command[Outcome]):
    """State whether a control of Annex A applies, and why."""

    control: str
    applicable: bool
    justification: Words


class EnterRisk(Command[Made]):
    """Write a risk into the register of assets or of fraud."""

    book: str
    name: str
    asset: str = ""
    threat: str = ""
    source: str = ""
    vulnerability: str = ""
    controls: str = ""
    owner: str = ""


class ScoreRisk(Command[Outcome]):
    """Record an expert's score, 1 to 5; of several experts' the highest counts. Without an expert: one's own."""

    risk_id: str
    likelihood: int
    confidentiality: int
    integrity: int
    availability: int
    expert: str = ""


class TreatRisk(Command[Outcome]):
    """Decide what is done about a risk."""

    risk_id: str
    treatment: str
    measures: Words
    due_on: date | None = None
