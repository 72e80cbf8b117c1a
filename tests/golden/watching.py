"""Takes the log of every world a test makes, at the last moment at which it can be read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests import support
from tests.golden.canonical import Log, canonical, read
from tests.golden.recorded import check


@dataclass
class Watched:
    """The worlds of one test and their logs; worlds over the same folder are one."""

    worlds: list[Any] = field(default_factory=list)
    logs: dict[Path, Log] = field(default_factory=dict)

    def take(self, world: Any) -> None:
        """Read the log of a world; of several readings of one folder the longest counts."""
        log = read(world)
        held = self.logs.get(world.folder)
        if held is None or len(log.rows) >= len(held.rows):
            self.logs[world.folder] = log

    def take_rest(self) -> None:
        """Read the worlds nobody closed."""
        for world in self.worlds:
            self.take(world)
        self.worlds = []

    def compare(self, file: str, case: str) -> None:
        """Compare every log with the recorded one; fails the test where they differ."""
        told = []
        for number, folder in enumerate(self.logs):
            name = case if number == 0 else f"{case} (world {number + 1})"
            told.append(check(file, name, canonical(self.logs[folder])))
        if any(told):
            pytest.fail("\n\n".join(filter(None, told)), pytrace=False)


PATIENCE_S = 60.0


def patient(world: Any) -> Any:
    """Let a text take long: on a machine with much to do, the five seconds of the product are a matter of chance, and
    that they passed is recorded."""
    world.container.wordbook.writer.drafter.timeout_s = PATIENCE_S
    return world


@contextmanager
def watched() -> Iterator[Watched]:
    """Watch the worlds that are made within."""
    seen = Watched()
    with pytest.MonkeyPatch.context() as patch:
        begin = support.World.__init__

        def init(self: Any, *args: Any, **settings: Any) -> None:
            begin(self, *args, **settings)
            seen.worlds.append(patient(self))
            _read_at_the_close(self.container, patch, seen)

        patch.setattr(support.World, "__init__", init)
        yield seen


def _read_at_the_close(container: Any, patch: pytest.MonkeyPatch, seen: Watched) -> None:
    """A closed house cannot be read any more, so it is read when it is closed."""
    kind = type(container)
    close = kind.close
    if getattr(close, "watched", False):
        return

    def closing(self: Any) -> None:
        for world in [world for world in seen.worlds if world.container is self]:
            seen.worlds.remove(world)
            seen.take(world)
        close(self)

    closing.watched = True  # type: ignore[attr-defined]
    patch.setattr(kind, "close", closing)
