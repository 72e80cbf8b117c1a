"""Declared duties held against the register of obligations: terms, what starts them and what proves them agree.

The register (``obligations.yml``) was written from the texts of the law and the policies; the duties say how the
engine runs them. An entry that is weaker than the register, starts on something else or is satisfied by something
else than the register's proof does not run. The register says what the texts say now, so terms are compared for the
entries that still hold; one that has ended was the law of its time.
"""

from __future__ import annotations

from collections.abc import Mapping

from engine.duties.declared import DeclaredDuty, Length
from engine.governance.register import Deadline, Obligation, Register
from engine.kernel.errors import DataError
from engine.notices.kinds import notice_kinds

_TRIGGERS: Mapping[str, frozenset[str]] = {
    "incident-opened": frozenset({"incident.opened", "incident.confirmed"}),
    "incident-owes": frozenset({"incident.opened", "incident.confirmed"}),
    "act-registered": frozenset({"legal.act.received"}),
    "court-decision-registered": frozenset({"legal.court_decision.received"}),
    "debt-void-ruled": frozenset({"legal.court_decision.received"}),
    "action-planned": frozenset({"isms.corrective_action"}),
}
"""Occasion → the register's words for it. A returning duty is checked by the events of its data."""
_PROOFS: Mapping[str, frozenset[str]] = {
    "notice-sent": frozenset({"notice.sent"}),
    "notice-sent afc": frozenset({"afc.message.acknowledged"}),
    "containment-started": frozenset({"incident.containment.started"}),
    "recovery-confirmed": frozenset(
        {"incident.recovered", "incident.cause.eliminated", "incident.consequence.eliminated"}
    ),
    "orders-acknowledged collection-stop": frozenset({"collection.stopped"}),
    "orders-acknowledged accrual-stop": frozenset({"loan.accrual.stopped"}),
    "orders-acknowledged bureau-correction": frozenset({"bureau.correction.acknowledged"}),
    "orders-acknowledged write-off": frozenset({"loan.written_off"}),
    "action-closed": frozenset({"isms.corrective_action"}),
}
_SECONDS = {"second": 1, "minute": 60, "hour": 3600}
_MONTHS = {"month": 1, "month_close": 1, "year": 12, "year_close": 12}


def check(duty: DeclaredDuty, register: Register, events_of: Mapping[str, tuple[str, ...]], file: str) -> None:
    """Raise DataError where a duty and an obligation it names do not agree.

    ``events_of`` are the events of other systems behind a phrase, by its text.
    """
    for phrase in duty.satisfactions:
        if phrase.word == "notice-sent" and phrase.about not in notice_kinds():
            raise DataError(f"{duty.id}: satisfied_by: there is no kind of notice '{phrase.about}'", file=file)
    for key in duty.obligations:
        if key not in register:
            raise DataError(f"{duty.id}: no obligation '{key}' is in the register", file=file)
        obligation = register[key]
        if isinstance(duty.term, Length) and obligation.deadline is not None and duty.valid_to is None:
            _check_term(duty, duty.term, obligation, obligation.deadline, file)
        if duty.counted_only is None:
            _check_words(duty, obligation, events_of, file)


def _check_term(duty: DeclaredDuty, term: Length, obligation: Obligation, deadline: Deadline, file: str) -> None:
    if deadline.n is None:
        return
    own, law = _size(term.n, term.unit), _size(deadline.n, deadline.unit)
    if own[1] != law[1]:
        raise DataError(
            f"{duty.id}: {term.n} {term.unit} cannot be compared with {deadline.n} {deadline.unit} of {obligation.id}",
            file=file,
        )
    weaker = own[0] > law[0] if duty.direction == "by" else own[0] < law[0]
    if weaker and not (duty.product and deadline.parameter):
        raise DataError(
            f"{duty.id}: {term.n} {term.unit} is weaker than {deadline.n} {deadline.unit} of {obligation.id}", file=file
        )


def _size(n: int, unit: str) -> tuple[int, str]:
    """Return a length in a unit that lengths of the same kind share."""
    if unit in _SECONDS:
        return n * _SECONDS[unit], "second"
    if unit in _MONTHS:
        return n * _MONTHS[unit], "month"
    return n, unit.removesuffix("_before")


def _check_words(
    duty: DeclaredDuty, obligation: Obligation, events_of: Mapping[str, tuple[str, ...]], file: str
) -> None:
    starts = {word for phrase in duty.starts for word in _of(phrase.word, phrase.about, _TRIGGERS, events_of)}
    proofs = {word for phrase in duty.satisfactions for word in _of(phrase.word, phrase.about, _PROOFS, events_of)}
    if starts and starts.isdisjoint(obligation.triggers):
        raise DataError(
            f"{duty.id}: starts_on names nothing that triggers {obligation.id} ({', '.join(obligation.triggers)})",
            file=file,
        )
    if proofs and proofs.isdisjoint(obligation.proof):
        raise DataError(
            f"{duty.id}: satisfied_by names nothing that proves {obligation.id} ({', '.join(obligation.proof)})",
            file=file,
        )


def _of(
    word: str, about: str, table: Mapping[str, frozenset[str]], events_of: Mapping[str, tuple[str, ...]]
) -> tuple[str, ...]:
    if f"{word} {about}" in events_of or word in ("duty-done", "matter-arose", "matter-set", "matter-settled"):
        return events_of.get(f"{word} {about}", ())
    return tuple(table.get(f"{word} {about}", table.get(word, ())))
