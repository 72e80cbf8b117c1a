"""Reading YAML that strangers wrote: bounded before it is built, no aliases, no key twice, lines kept.

The events of the document are walked first without building anything: depth, nodes and aliases are counted there,
because the C parser dies on deep nesting and a nine-line alias bomb only explodes when it is walked.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import yaml
from yaml.events import AliasEvent, CollectionEndEvent, CollectionStartEvent, ScalarEvent

from rules.language.errors import RuleError

MAX_BYTES = 1024 * 1024
MAX_DEPTH = 32
MAX_NODES = 50_000


class _Loader(yaml.CSafeLoader):
    pass


def _mapping(loader: _Loader, node: yaml.MappingNode) -> dict[Any, Any]:
    loader.flatten_mapping(node)
    result: dict[Any, Any] = {}
    for key_node, value_node in node.value:
        key = loader.construct_object(key_node, deep=True)
        if not isinstance(key, str | int | float | bool) and key is not None:
            raise _problem("a key must be a plain value", key_node)
        if key in result:
            raise _problem(f"the key '{str(key)[:60]}' stands twice; the second would silently win", key_node)
        result[key] = loader.construct_object(value_node, deep=True)
    return result


class _Problem(Exception):
    def __init__(self, message: str, line: int) -> None:
        super().__init__(message)
        self.message, self.line = message, line


def _problem(message: str, node: yaml.Node) -> _Problem:
    return _Problem(message, node.start_mark.line + 1)


_Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)


@lru_cache(maxsize=64)
def load_documents(text: str, file: str) -> tuple[tuple[int, Any], ...]:
    """Return (line, content) of every document of a file; the content is remembered and must not be changed.

    Raise RuleError with file and line for text that is too large, too deep, has aliases or a key twice, or is no YAML.
    """
    if len(text.encode("utf8", "surrogatepass")) > MAX_BYTES:
        raise RuleError(f"a rule file may have {MAX_BYTES} bytes", file=file, line=1)
    try:
        lines = _check_events(text)
        documents = list(yaml.load_all(text, Loader=_Loader))
    except _Problem as problem:
        raise RuleError(problem.message, file=file, line=problem.line) from None
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise RuleError(f"not YAML: {error.problem}", file=file, line=line) from None
    except (yaml.YAMLError, ValueError, UnicodeError, RecursionError, OverflowError) as error:
        raise RuleError(f"not YAML: {type(error).__name__}", file=file, line=1) from None
    return tuple((line, document) for line, document in zip(lines, documents, strict=False) if document is not None)


def _check_events(text: str) -> list[int]:
    depth = nodes = 0
    starts: list[int] = []
    for event in yaml.parse(text, Loader=yaml.CSafeLoader):
        line = event.start_mark.line + 1 if event.start_mark else 1
        if isinstance(event, yaml.DocumentStartEvent):
            starts.append(line)
        elif isinstance(event, AliasEvent):
            raise _Problem("aliases (*name) are refused: they can unfold without bound", line)
        elif isinstance(event, CollectionStartEvent):
            depth += 1
            nodes += 1
            if depth > MAX_DEPTH:
                raise _Problem(f"nested deeper than {MAX_DEPTH} levels", line)
        elif isinstance(event, CollectionEndEvent):
            depth -= 1
        elif isinstance(event, ScalarEvent):
            nodes += 1
        if nodes > MAX_NODES:
            raise _Problem(f"more than {MAX_NODES} values", line)
    return starts
