"""The logs of a process: text for people, or ECS JSON for collectors. Neither ever holds what an event says."""

from __future__ import annotations

import logging
import sys

QUIET = (
    "apscheduler",
    "httpx",
    "faust",
    "mode",
    "aiokafka",
    "infra.inbound.kafka",
    "elastic_transport",
    "opentelemetry",
)
AGAIN_AFTER_S = 60.0


class Seldom(logging.Filter):
    """Lets each message of a chatty library through once a minute, without its stack: while a server is away they say
    so many times a second, and what it means for the work is said by the work itself."""

    def __init__(self) -> None:
        super().__init__()
        self._said: dict[tuple[str, str], float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Say whether a record goes out."""
        if not record.name.startswith(QUIET):
            return True
        key = (record.name, str(record.msg))
        if record.created - self._said.get(key, float("-inf")) < AGAIN_AFTER_S:
            return False
        self._said[key] = record.created
        record.exc_info = record.exc_text = None
        return True


def configure(form: str) -> None:
    """Send everything of this process to stderr in one form: ``text`` or ``ecs``."""
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(Seldom())
    if form == "ecs":
        import ecs_logging

        handler.setFormatter(ecs_logging.StdlibFormatter(extra={"service.name": "qorgau"}))
    else:
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)
    for chatty in QUIET:
        logging.getLogger(chatty).setLevel(logging.WARNING)
