"""The one place where the time of the machine is read."""

from __future__ import annotations

from datetime import UTC, datetime


class SystemClock:
    """Answers the port ``Clock``."""

    def now(self) -> datetime:
        """Return the present instant in UTC."""
        return datetime.now(UTC)
