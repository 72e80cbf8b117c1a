"""``qorgau bench consumers``: what a second consumer adds, Kafka to durable ledger, the servers on cores of their own.

With four cores each consumer has one to itself. With fewer they have a share of one each, held by the kernel's
control groups (which needs root): so a second one finds room that the first could not use, as on a second core.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

from engine.kernel.errors import DataError
from infra.app.container import open_container
from infra.lab.bench.stream import PARTITIONS, SOURCES, produce
from infra.lab.bench.waits import watched
from infra.lab.simulate.stream import stream as simulated
from infra.lab.testbed.kafka import Broker
from infra.lab.testbed.postgres import Cluster
from infra.settings.settings import load_settings

PERIOD_US = 5_000
"""Short, so that nobody is stopped for long while others wait for what it holds."""
GROUPS = Path("/sys/fs/cgroup")


def measure(events: int, batch: int, share: int) -> dict[str, Any]:
    """Store the same backlog by one consumer, then by two. Raises NoServer, and DataError without control groups."""
    cores = sorted(os.sched_getaffinity(0))
    own = len(cores) >= 4
    servers, workers = (cores[:-2], cores[-2:]) if own else (cores[:1], cores[1:] * 2)
    with tempfile.TemporaryDirectory(prefix="qorgau-consumers-", dir="/tmp") as name, ExitStack() as stack:
        folder = Path(name)
        folder.chmod(0o755)
        os.sched_setaffinity(0, servers)
        try:
            broker, cluster = Broker(folder / "kafka"), Cluster(folder / "postgres")
            broker.start()
            stack.callback(broker.kill)
            cluster.create()
            cluster.start()
            stack.callback(cluster.stop, "immediate")
        finally:
            os.sched_setaffinity(0, cores)
        limits = [None, None] if own else [stack.enter_context(_limited(f"qorgau-{n}", share)) for n in (1, 2)]
        rates, waits = [], dict[str, Any]()
        for count in (1, 2):
            environment = {
                "QORGAU_DATA": str(folder / f"data-{count}"), "QORGAU_DATABASE": cluster.database(f"with_{count}"),
                "QORGAU_KAFKA": broker.address, "QORGAU_KAFKA_PREFIX": f"with-{count}",
                "QORGAU_KAFKA_SOURCES": '["' + '","'.join(SOURCES) + '"]',
            }  # fmt: skip
            rates.append(_rate(environment, events, batch, list(zip(workers, limits, strict=True))[:count], waits))
    return {
        "events": events, "batch": batch, "cores": len(cores), "share_percent": None if own else share,
        "one_events_s": rates[0], "two_events_s": rates[1], "ratio": round(rates[1] / rates[0], 2), **waits,
    }  # fmt: skip


@contextmanager
def _limited(name: str, share: int) -> Iterator[Path]:
    """A control group that gives its processes so much of a core; yields the file that takes process ids."""
    first = (GROUPS / "cpu").is_dir()
    group = (GROUPS / "cpu" if first else GROUPS) / name
    try:
        group.mkdir(exist_ok=True)
        quota = PERIOD_US * share // 100
        if first:
            (group / "cpu.cfs_period_us").write_text(str(PERIOD_US))
            (group / "cpu.cfs_quota_us").write_text(str(quota))
        else:
            (group / "cpu.max").write_text(f"{quota} {PERIOD_US}")
    except OSError as error:
        raise DataError(f"cannot limit processes: {error.strerror}; four cores are needed, or root") from None
    try:
        yield group / "cgroup.procs"
    finally:
        with_patience(group.rmdir)


def with_patience(act: Callable[[], object]) -> None:
    """Do something that may be refused while a process is still ending."""
    for _ in range(50):
        try:
            act()
        except OSError:
            time.sleep(0.1)
        else:
            return


def _rate(
    environment: dict[str, str], events: int, batch: int, places: list[tuple[int, Path | None]], waits: dict[str, Any]
) -> int:
    """Fill the topics, then store them with so many consumers; events a second from the first to the last. ``waits``
    takes what somebody waited who wanted to write beside them."""
    os.environ.update(environment)
    settings = load_settings()
    command = [sys.executable, "-P", "-m", "infra", "stream"]
    subprocess.run([*command, "topics", "--partitions", str(PARTITIONS)], check=True, stdout=subprocess.DEVNULL)  # noqa: S603
    made = simulated(5, datetime.now(UTC) - timedelta(days=2), per_day=1_000 * 86_400)
    asyncio.run(produce(settings, (it.line for it in islice(made, events)), batch))
    container = open_container(settings)
    running = [_start([*command, "run"], *place) for place in places]
    first, begun_with = 0.0, 0
    try:
        with watched(container.database, settings.data / "probe", waits, asking=True):
            while (head := container.ledger.head()) < events:
                # It counts from when all have joined: a twentieth in, the partitions are shared.
                if head >= events // 20 and not first:
                    first, begun_with = time.perf_counter(), head
                time.sleep(0.05)
        return round((events - begun_with) / (time.perf_counter() - first))
    finally:
        for process in running:
            process.send_signal(signal.SIGTERM)
        for process in running:
            process.wait(60)
        container.close()


def _start(command: list[str], core: int, group: Path | None) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)  # noqa: S603 - our own words
    os.sched_setaffinity(process.pid, [core])  # its children inherit both
    if group is not None:
        group.write_text(str(process.pid))
    return process
