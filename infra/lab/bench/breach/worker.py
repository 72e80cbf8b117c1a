"""The worker of ``qorgau bench breach`` in a process of its own; at its end it says how long writers waited."""

from __future__ import annotations

import json
import resource
import signal
import sys
import threading

from infra.app.container import open_container
from infra.app.worker import Worker, WorkerLock
from infra.observe.gc_tuning import tune
from infra.settings.settings import load_settings


def main() -> None:
    """Work until a signal comes; print the figures as JSON."""
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    settings = load_settings()
    lock = WorkerLock(settings.data)
    lock.take()
    container = open_container(settings)
    worker = Worker(container)
    tune()
    container.decisions.on_commit = worker.wake
    worker.start()
    print("ready", flush=True)
    ended.wait()
    worker.stop()
    turns = container.database.turns
    print(
        json.dumps(
            {
                "worker_waits": turns.waits.count, "worker_wait_p999_ms": 1000 * turns.waits.quantile(0.999),
                "worker_wait_max_ms": 1000 * turns.waits.longest_s, "worker_held_max_ms": 1000 * turns.held.longest_s,
                "worker_rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
            }
        )
    )  # fmt: skip
    container.close()
    lock.release()
    sys.exit(0)


if __name__ == "__main__":
    main()
