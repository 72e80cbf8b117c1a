"""Building values from input: what does not fit is an InputError that names the field, never the value."""

from __future__ import annotations

from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from engine.kernel.errors import InputError

M = TypeVar("M", bound=BaseModel)


def checked(model: type[M], /, **values: Any) -> M:
    """Return the model built from the values. Raise InputError naming the first field that does not fit."""
    try:
        return model(**values)
    except ValidationError as error:
        raise wrong(error) from None


def wrong(error: ValidationError) -> InputError:
    """Return what is wrong with the first field, in the words of pydantic and without the value that was given."""
    first = error.errors(include_input=False, include_url=False, include_context=False)[0]
    field = str(first["loc"][0]) if first["loc"] else None
    return InputError(str(first["msg"]), field=field)
