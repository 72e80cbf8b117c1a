"""What of a body is set aside: the first bad lines one by one, all further ones together in one dead letter.

A misconfigured sender gives a hundred thousand bad lines in one body. Kept one by one they would cost more than all the
rest of the product; kept together they cost what their bytes cost, packed, and none is lost.
"""

from __future__ import annotations

import gzip
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator

from engine.events.envelope import Rejected

KEPT = 100
"""Bad lines of a body that are kept one by one."""
TOGETHER = "many-rejected"
"""The code of a dead letter that holds many lines; its bytes are gzip and ``lines_of`` reads them."""
UNTRIED = "not-read"
"""The code of a dead letter that holds a whole body, packed in the same way, which nobody could read to its end."""
PACKED = frozenset({TOGETHER, UNTRIED})


class SetAside:
    """Gathers what is set aside of one body of one source."""

    def __init__(self, source: str, kept: int = KEPT) -> None:
        self.source = source
        self.kept = kept
        self.lines = 0
        """How many lines were set aside."""
        self._first: list[Rejected] = []
        self._rest = bytearray()
        self._codes: Counter[str] = Counter()
        self._begins = 0

    def add(self, rejects: Iterable[Rejected]) -> None:
        """Add rejected lines, in their order."""
        for it in rejects:
            self.lines += it.lines
            if len(self._first) < self.kept:
                self._first.append(it)
                continue
            self._begins = self._begins or it.line
            self._rest += b"%d %d\n%b\n" % (it.line, len(it.raw), it.raw)
            self._codes[it.code] += it.lines

    def letters(self) -> tuple[Rejected, ...]:
        """Return the dead letters: at most ``kept`` single lines, and one for the rest."""
        if not self._codes:
            return tuple(self._first)
        reasons = ", ".join(f"{code}: {number}" for code, number in sorted(self._codes.items()))
        packed = gzip.compress(bytes(self._rest), 1, mtime=0)
        count = sum(self._codes.values())
        rest = Rejected(
            self._begins, TOGETHER, f"{count} more lines of this body ({reasons})", packed, None, self.source, count
        )
        return (*self._first, rest)


def untried(body: bytes, reason: str, source: str, lines: int) -> Rejected:
    """Return the dead letter of a whole body; ``lines`` counts what it holds."""
    packed = gzip.compress(b"1 %d\n%b\n" % (len(body), body), 1, mtime=0)
    return Rejected(1, UNTRIED, reason, packed, None, source, lines)


def lines_of(code: str, raw: bytes) -> Iterator[tuple[int, bytes]]:
    """Return (line, bytes) of what a dead letter holds. Raise ValueError for a packed one that was changed."""
    if code not in PACKED:
        yield 1, raw
        return
    try:
        text = gzip.decompress(raw)
    except (OSError, EOFError, zlib.error):
        raise ValueError("the packed lines cannot be read") from None
    at = 0
    while at < len(text):
        end = text.index(b"\n", at)
        line, size = map(int, text[at:end].split())
        yield line, text[end + 1 : end + 1 + size]
        at = end + size + 2
