"""The product's own YAML, read by the C parser: a tenth of the time, and every command reads some at its start.

What strangers wrote goes through ``rules.language.yaml_source``, which bounds it first.
"""

from __future__ import annotations

from typing import Any

import yaml

from engine.kernel.errors import DataError, InputError


def read_yaml(text: str) -> Any:
    """Return the one document of a text. Raises yaml.YAMLError."""
    return yaml.load(text, Loader=yaml.CSafeLoader)


def read_value(text: str, field: str) -> Any:
    """Return the value that somebody typed, as YAML reads it. Raise InputError naming the field."""
    try:
        return read_yaml(text)
    except (yaml.YAMLError, ValueError):
        raise InputError("this is no number, text, list or yes and no", field=field) from None


class _Once(yaml.CSafeLoader):
    """Refuses a key that is given twice: the last would win unseen."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        twice = next((key for key in keys if keys.count(key) > 1), None)
        if twice is not None:
            raise yaml.constructor.ConstructorError(None, None, f"'{twice}' is given twice", node.start_mark)
        return super().construct_mapping(node, deep)


def read_declared(text: str, file: str) -> Any:
    """Return the one document of data that declares something. Raise DataError naming file and line."""
    try:
        return yaml.load(text, Loader=_Once)  # noqa: S506 - a safe loader
    except yaml.MarkedYAMLError as error:
        line = f"line {error.problem_mark.line + 1}: " if error.problem_mark else ""
        raise DataError(f"{line}{error.problem}", file=file) from None
    except (yaml.YAMLError, ValueError) as error:
        raise DataError(str(error).splitlines()[0], file=file) from None
