"""Acts of governance: returning duties, corrective actions, evidence, controls, risks."""

from __future__ import annotations

from datetime import date

from pydantic import ValidationError

from engine.governance import governance
from engine.governance.governance import Control, Duty, Output, Risk, RiskEntered
from engine.kernel.errors import InputError
from engine.kernel.facts import Person
from infra.commands.acts.base import Base, get

HOUSE = "organisation"
"""The name under which documents of the organisation itself lie in the archive."""


class GovernanceActs(Base):
    """What may be done for the duties of governance."""

    def keep_document(self, data: bytes, name: str, media_type: str, about: str, *, by: Person) -> str:
        """Keep a document of the organisation in the archive; gives its id."""
        return self.archive.store(
            data, name=name or "document", media_type=media_type, client=HOUSE, about=about, actor=by.id,
            at=self.clock.now(),
        ).document_id  # fmt: skip

    def duty_done(self, key: str, done_on: date, evidence: str, document_id: str = "", *, by: Person) -> None:
        """Record that a returning duty was done."""
        duty = governance.duty_id(key)
        with self._unit() as unit:
            today = self.calendar.local(unit.at).date()
            facts = governance.done(key, done_on, evidence, document_id, by=by, today=today, at=unit.at)
            unit.record(Duty, duty, facts)

    def plan_action(self, key: str, text: str, owner: str, due_on: date, *, by: Person) -> None:
        """Plan a corrective action with its owner and day."""
        try:
            output = Output(text=text.strip(), owner=owner.strip(), due_on=due_on)
        except ValidationError as error:
            first = error.errors(include_input=False, include_url=False)[0]
            raise InputError(str(first["msg"]), field=str(first["loc"][0])) from None
        duty = governance.duty_id(key)
        with self._unit() as unit:
            facts = governance.plan_action(unit.load(Duty, duty), key, output, by=by, at=unit.at)
            unit.record(Duty, duty, facts)

    def close_action(self, duty_id: str, action_id: str, evidence: str, *, by: Person) -> None:
        """Record that a corrective action was carried out."""
        with self._unit() as unit:
            duty = get(unit, Duty, duty_id)
            unit.record(Duty, duty.id, governance.close_action(duty, action_id, evidence, by=by, at=unit.at))

    def record_evidence(
        self, obligation: str, text: str, document_id: str = "", valid_until: date | None = None, *, by: Person
    ) -> None:
        """Hand in evidence for an obligation."""
        with self._unit() as unit:
            facts = governance.record_evidence(obligation, text, document_id, valid_until, by=by, at=unit.at)
            unit.record(Duty, governance.duty_id(f"obligation:{obligation}"), facts)

    def state_control(self, control: str, applicable: bool, justification: str, *, by: Person) -> None:
        """State whether a control of Annex A applies, and why."""
        with self._unit() as unit:
            facts = governance.state_control(control, applicable, justification, by=by, at=unit.at)
            unit.record(Control, governance.control_id(control), facts)

    def enter_risk(
        self, book: str, name: str, asset: str, threat: str, source: str, vulnerability: str, controls: str,
        owner: str, *, by: Person,
    ) -> str:  # fmt: skip
        """Write a risk into a register; gives its id."""
        key = governance.risk_id(book, name)
        with self._unit() as unit:
            try:
                entry = RiskEntered(
                    at=unit.at, actor=by.id, risk_id=key, book=book, name=name.strip(),
                    asset=asset.strip(), threat=threat.strip(), source=source.strip(),
                    vulnerability=vulnerability.strip(), controls=controls.strip(), owner=owner.strip(),
                )  # fmt: skip
            except ValidationError as error:
                first = error.errors(include_input=False, include_url=False)[0]
                raise InputError(str(first["msg"]), field=str(first["loc"][0])) from None
            unit.record(Risk, key, governance.enter_risk(unit.load(Risk, key), entry, by=by))
        return key

    def score_risk(self, risk_id: str, likelihood: int, loss: tuple[int, int, int], expert: str, *, by: Person) -> None:
        """Record an expert's score; of several the highest counts."""
        with self._unit() as unit:
            risk = get(unit, Risk, risk_id)
            facts = governance.score_risk(risk, likelihood, loss, expert or by.id, by=by, at=unit.at)
            unit.record(Risk, risk.id, facts)

    def treat_risk(self, risk_id: str, treatment: str, measures: str, due_on: date | None, *, by: Person) -> None:
        """Decide what is done about a risk."""
        with self._unit() as unit:
            risk = get(unit, Risk, risk_id)
            facts = governance.treat_risk(risk, treatment, measures, due_on, by=by, at=unit.at)
            unit.record(Risk, risk.id, facts)
