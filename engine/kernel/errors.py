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

from collections.abc import Mapping
from typing import Any


class QorgauError(Exception):
    """Base of every error a user may meet; ``code`` is stable, the message is for people.

    With values, the text is a message id whose named {placeholders} they fill: ``message`` is English, and the edge can
    say the same in another language from ``msgid`` and ``values``. Tuples are joined with commas.
    """

    code = "qorgau.error"

    def __init__(self, message: str, *, code: str | None = None, **values: Any) -> None:
        self.msgid = message
        self.values: Mapping[str, Any] = values
        self.message = self.placed(in_words(message, values))
        super().__init__(self.message)
        if code is not None:
            self.code = code

    def placed(self, text: str, field_word: str = "field", called: str = "") -> str:
        """Return a text with the place it speaks of before it, where a kind of error knows one."""
        return text


def n_(msgid: str) -> str:
    """Mark a message id for the catalogues; what shows it translates it."""
    return msgid


def in_words(message: str, values: Mapping[str, Any]) -> str:
    """Return a message with its values put in; a text without values is given as it is, braces and all."""
    if not values:
        return message
    shown = {name: ", ".join(map(str, it)) if isinstance(it, tuple | list) else it for name, it in values.items()}
    return message.format(**shown)


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
        **values: Any,
    ) -> None:
        self.file, self.line, self.field = file, line, field
        super().__init__(message, code=code, **values)

    def placed(self, text: str, field_word: str = "field", called: str = "") -> str:
        """Return a text with file, line and field before it, where they are known; ``called`` is the field in words."""
        where = ":".join(str(part) for part in (self.file, self.line) if part is not None)
        what = f"{field_word} '{called or self.field}': " if self.field else ""
        return f"{where}: {what}{text}" if where else f"{what}{text}"


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


class SecondFactorNeeded(NotAllowed):
    """The act needs a second factor shown lately; ``wrong``: what was shown is not right."""

    code = "decision.second-factor"
    wrong = False


class SecondFactorWrong(SecondFactorNeeded):
    """What was shown as the second factor is not right, was used before, or too many were wrong."""

    code = "decision.second-factor-wrong"
    wrong = True


class SecondPersonNeeded(DecisionRefused):
    """Four eyes: the act needs somebody other than the one who prepared it."""

    code = "decision.second-person"


class NotFound(QorgauError):
    """There is no such thing, or not for this reader."""

    code = "not-found"


class Conflict(QorgauError):
    """Somebody else changed the same thing meanwhile; read again and decide again."""

    code = "conflict"
