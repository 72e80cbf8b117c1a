"""The logs of a process: text for people, or ECS JSON for collectors. Neither ever holds what an event says."""

from __future__ import annotations

import logging
import sys

QUIET = ("apscheduler", "httpx", "faust", "mode", "aiokafka", "infra.stream", "elastic_transport")


def configure(form: str) -> None:
    """Send everything of this process to stderr in one form: ``text`` or ``ecs``."""
    handler = logging.StreamHandler(sys.stderr)
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
