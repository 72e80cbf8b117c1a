"""Acts on borrower protections: enter, check, attach, court, outcome, acknowledge."""

from __future__ import annotations

from datetime import date, datetime

from pydantic import ValidationError

from engine.kernel.errors import DecisionRefused, InputError, NotAllowed
from engine.kernel.facts import Person
from engine.policies.acts import acknowledge
from engine.protection import protection
from engine.protection.facts import CourtRuled, LegalAct
from engine.protection.protection import Protection
from infra.commands.acts.base import Base, get


class ProtectionActs(Base):
    """What may be done with a protection."""

    def register_act(
        self, act: LegalAct, *, by: Person, document: bytes | None = None, name: str = "", media_type: str = ""
    ) -> str:
        """Enter an act with its document; gives the id of the protection. The orders follow by themselves."""
        now = self.clock.now()
        if document:
            kept = self.archive.store(
                document, name=name or "act", media_type=media_type, client=act.client, about="legal act",
                actor=by.id, at=now,
            )  # fmt: skip
            found = {"document_id": kept.document_id, "document_sha256": kept.sha256, "document_name": kept.name}
            act = act.model_copy(update=found)
        key = protection.protection_id(act)
        with self._unit() as unit:
            it = unit.load(Protection, key)
            unit.record(Protection, key, protection.register_act(it, act, by=by, at=unit.at))
            if act.document_id is not None and act.document_sha256 is not None:
                facts = protection.attach(
                    it, act.document_id, act.document_sha256, act.document_name or "act", by=by, at=unit.at
                )
                unit.record(Protection, key, facts)
        return key

    def attach_document(self, protection_id: str, data: bytes, name: str, media_type: str, *, by: Person) -> None:
        """Attach a document to a protection; its original goes to the archive."""
        it = self._protection(protection_id)
        assert it.act is not None
        kept = self.archive.store(
            data, name=name, media_type=media_type, client=it.act.client, about="protection", actor=by.id,
            at=self.clock.now(),
        )  # fmt: skip
        with self._unit() as unit:
            it = get(unit, Protection, protection_id)
            facts = protection.attach(it, kept.document_id, kept.sha256, kept.name, by=by, at=unit.at)
            unit.record(Protection, it.id, facts)

    def _protection(self, protection_id: str) -> Protection:
        with self._unit() as unit:
            return get(unit, Protection, protection_id)

    def verify_act(self, protection_id: str, genuine: bool, reason: str, *, by: Person) -> None:
        """Check an act as a second person; one that is not genuine has its stops lifted."""
        with self._unit() as unit:
            it = get(unit, Protection, protection_id)
            unit.record(Protection, it.id, protection.verify_act(it, genuine, reason, by=by, at=unit.at))

    def enter_ruling(
        self, protection_id: str, court: str, number: str, in_force_on: date, received_at: datetime, ruling: str,
        *, by: Person, document: bytes | None = None, name: str = "", media_type: str = "",
    ) -> None:  # fmt: skip
        """Enter a decision of a court in force for loans under protection."""
        if not by.may("compliance_officer", "ciso"):
            raise NotAllowed("entering a court decision needs a compliance officer or the CISO")
        it, now = self._protection(protection_id), self.clock.now()
        document_id = ""
        if document:
            assert it.act is not None
            document_id = self.archive.store(
                document, name=name or "decision", media_type=media_type, client=it.act.client,
                about="court decision", actor=by.id, at=now,
            ).document_id  # fmt: skip
        with self._unit() as unit:
            it = get(unit, Protection, protection_id)
            try:
                fact = CourtRuled(
                    at=unit.at, actor=by.id, protection_id=it.id, court=court.strip()[:300],
                    number=number.strip()[:100], in_force_on=in_force_on, received_at=received_at,
                    ruling=ruling, document_id=document_id,
                )  # fmt: skip
            except ValidationError as error:
                first = error.errors(include_input=False, include_url=False)[0]
                raise InputError(str(first["msg"]), field=str(first["loc"][0])) from None
            unit.record(Protection, it.id, protection.rule(it, fact))

    def propose_outcome(self, protection_id: str, outcome: str, reason: str, *, by: Person) -> None:
        """Propose how a protection ends: write-off or release."""
        with self._unit() as unit:
            it = get(unit, Protection, protection_id)
            unit.record(Protection, it.id, protection.propose_outcome(it, outcome, reason, by=by, at=unit.at))

    def decide_outcome(self, protection_id: str, agreed: bool, reason: str, *, by: Person) -> None:
        """Decide it as the second person; the orders follow."""
        with self._unit() as unit:
            it = get(unit, Protection, protection_id)
            unit.record(Protection, it.id, protection.decide_outcome(it, agreed, reason, by=by, at=unit.at))

    def acknowledge_order(self, protection_id: str, order_id: str, reference: str, *, by: Person) -> None:
        """Record by hand that another system carried an order out, with its reference."""
        if not by.may("compliance_officer", "ciso"):
            raise NotAllowed("acknowledging an order by hand needs a compliance officer or the CISO")
        if not reference.strip():
            raise DecisionRefused("an acknowledgement needs the other system's reference")
        with self._unit() as unit:
            it = get(unit, Protection, protection_id)
            acknowledge(unit, it.id, order_id, reference=reference[:200], done_at=unit.at, actor=by.id)
