"""Building values from input: what does not fit is an InputError that names the field, never the value."""

from __future__ import annotations

from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from engine.kernel.errors import InputError, in_words, n_

M = TypeVar("M", bound=BaseModel)
_KNOWN = {
    "missing": n_("Field required"),
    "string_type": n_("Input should be a valid string"),
    "string_too_short": n_("String should have at least {min_length} characters"),
    "string_too_long": n_("String should have at most {max_length} characters"),
    "too_short": n_("Tuple should have at least {min_length} item after validation, not {actual_length}"),
    "literal_error": n_("Input should be {expected}"),
    "enum": n_("Input should be {expected}"),
    "int_type": n_("Input should be a valid integer"),
    "int_parsing": n_("Input should be a valid integer, unable to parse string as an integer"),
    "greater_than_equal": n_("Input should be greater than or equal to {ge}"),
    "less_than_equal": n_("Input should be less than or equal to {le}"),
    "extra_forbidden": n_("Extra inputs are not permitted"),
    "bool_parsing": n_("Input should be a valid boolean, unable to interpret input"),
}
"""The words of pydantic for what people meet in forms, as message ids; every other fault stays in its own English."""
_OURS = (
    n_("Value error, a day lies between 1992 and 2199"),
    n_("Value error, values are nested at most 20 deep"),
    n_("Value error, the text holds half of a surrogate pair, which is no letter"),
)


def checked(model: type[M], /, **values: Any) -> M:
    """Return the model built from the values. Raise InputError naming the first field that does not fit."""
    try:
        return model(**values)
    except ValidationError as error:
        raise wrong(error) from None


def wrong(error: ValidationError) -> InputError:
    """Return what is wrong with the first field, in the words of pydantic and without the value that was given."""
    first = error.errors(include_input=False, include_url=False)[0]
    field = str(first["loc"][0]) if first["loc"] else None
    said, values = str(first["msg"]), first.get("ctx", {})
    msgid = _KNOWN.get(first["type"], said)
    if msgid != said and in_words(msgid, values) == said:
        return InputError(msgid, field=field, code=None, **values)
    return InputError(said, field=field)
