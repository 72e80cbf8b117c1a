"""The tree of errors. Each carries a stable code and says where and what to do.

QorgauError
├── InputError            what came from outside cannot be used
│   └── IdentifierError   an IIN, phone, IBAN or MRZ is malformed
├── DataError             a file of ours (catalogue, register, calendar) is faulty
├── DecisionRefused       the domain forbids this act
│   ├── NotAllowed        this person may not do it
│   └── SecondPersonNeeded the same person stood on both sides
├── NotFound              no such thing
└── Conflict              somebody else changed it meanwhile
"""

from __future__ import annotations


class QorgauError(Exception):
    """Base of every error a user may meet; ``code`` is stable, the message is for people."""

    code = "qorgau.error"

    def __init__(self, message: str, *, code: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        if code is not None:
            self.code = code


class InputError(QorgauError):
    """What came from outside cannot be used; names the file, line and field where known."""

    code = "input.invalid"

    def __init__(
        self,
        message: str,
        *,
        file: str | None = None,
        line: int | None = None,
        field: str | None = None,
        code: str | None = None,
    ) -> None:
        self.file, self.line, self.field = file, line, field
        where = ":".join(str(part) for part in (file, line) if part is not None)
        what = f"field '{field}': " if field else ""
        super().__init__(f"{where}: {what}{message}" if where else f"{what}{message}", code=code)


class IdentifierError(InputError):
    """An identifier fails its own check; ``code`` tells which one. Never carries the value itself."""

    code = "identifier.invalid"


class DataError(InputError):
    """A data file of the product or the organisation is faulty."""

    code = "data.invalid"


class DecisionRefused(QorgauError):
    """The domain forbids this act in this state."""

    code = "decision.refused"


class NotAllowed(DecisionRefused):
    """This person's role does not permit the act."""

    code = "decision.not-allowed"


class SecondPersonNeeded(DecisionRefused):
    """Four eyes: the act needs somebody other than the one who prepared it."""

    code = "decision.second-person"


class NotFound(QorgauError):
    """There is no such thing, or not for this reader."""

    code = "not-found"


class Conflict(QorgauError):
    """Somebody else changed the same thing meanwhile; read again and decide anew."""

    code = "conflict"
