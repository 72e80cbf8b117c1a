"""Figures for Prometheus, asked of the store at every scrape. They count; nothing in them says who."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from fastapi import APIRouter, Request
from fastapi.responses import Response
from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector

from engine.kernel.errors import NotAllowed
from infra.app.container import Container
from infra.observe.stage_health import standing
from infra.observe.steps import last_step
from infra.processes.lag import behind
from infra.read.rows import clocks, effects, figures, notices
from infra.store.sql.database import Readable
from infra.store.sql.turns import BOUNDS_S, Waits
from infra.web.context import TheContainer
from infra.web.doors import is_known

router = APIRouter(tags=["health"])
_COUNTED: tuple[tuple[str, str, str, Callable[[Readable], dict[str, int]]], ...] = (
    ("qorgau_incidents_open", "Open incidents", "severity", figures.open_by_severity),
    ("qorgau_clocks_running", "Legal clocks that run", "kind", clocks.running_by_kind),
    ("qorgau_clocks_breached", "Legal clocks that run beyond their term", "kind", clocks.overdue_by_kind),
    ("qorgau_notices", "Notices", "state", notices.by_state),
    ("qorgau_effects", "Mails, orders and other effects", "state", effects.by_state),
    ("qorgau_dead_letters", "Dead letters kept", "source", effects.dead_by_source),
)


class OfHouse(Collector):
    """Collects the figures of one organisation."""

    def __init__(self, container: Container) -> None:
        self.container = container

    def collect(self) -> Iterable[Metric]:
        """Ask the store."""
        container = self.container
        yield CounterMetricFamily("qorgau_ledger_events", "Events in the ledger", value=container.ledger.head())
        yield CounterMetricFamily("qorgau_decisions", "Facts in the log of decisions", value=container.decisions.head())
        lag = GaugeMetricFamily("qorgau_follower_behind", "Records a follower has not seen", labels=["follower"])
        for name, count in behind(container.ledger, container.decisions, container.search).items():
            lag.add_metric([name], count)
        yield lag
        for name, help_, label, counts in _COUNTED:
            family = GaugeMetricFamily(name, help_, labels=[label])
            for value, number in counts(container.database).items():
                family.add_metric([value], number)
            yield family
        failing = GaugeMetricFamily("qorgau_stage_failing", "Stages that fail now", labels=["stage"])
        for fault in standing(container.database):
            failing.add_metric([fault["stage"]], 1)
        yield failing
        yield self._last_step()
        yield self._next_due()
        taken = CounterMetricFamily("qorgau_stream_taken", "Messages taken from Kafka", labels=["topic", "partition"])
        for row in container.database.rows("SELECT topic, part, next FROM arrivals"):
            taken.add_metric([row["topic"], str(row["part"])], row["next"])
        yield taken
        turns = container.database.turns
        yield _histogram("qorgau_writer_wait_seconds", "What writers of this process waited for the store", turns.waits)
        yield _histogram("qorgau_writer_held_seconds", "How long writers of this process held the store", turns.held)

    def _last_step(self) -> Metric:
        """Return the seconds since a worker last worked; no sample before the first."""
        family = GaugeMetricFamily("qorgau_worker_last_step_seconds", "Seconds since a worker last worked")
        last = last_step(self.container.database)
        if last is not None:
            family.add_metric([], max((self.container.clock.now() - last).total_seconds(), 0.0))
        return family

    def _next_due(self) -> Metric:
        """Return the seconds until the next term ends; no sample while no clock runs."""
        family = GaugeMetricFamily("qorgau_next_term_seconds", "Seconds until the next open term ends")
        due = clocks.next_due(self.container.database)
        if due is not None:
            left = due - self.container.clock.now()
            family.add_metric([], left.total_seconds())
        return family


def _histogram(name: str, help_: str, waits: Waits) -> Metric:
    family = HistogramMetricFamily(name, help_)
    buckets, seen = [], 0
    for bound, n in zip((*map(str, BOUNDS_S), "+Inf"), waits.buckets, strict=True):
        seen += n
        buckets.append((bound, float(seen)))
    family.add_metric([], buckets, waits.total_s)
    return family


@router.get("/metrics", summary="Figures for Prometheus", response_class=Response)
def metrics(request: Request, container: TheContainer) -> Response:
    """Return the figures to the bearer of METRICS_TOKEN or HEALTH_TOKEN, and to people who are signed in."""
    if not is_known(request, container):
        raise NotAllowed("this needs the token of QORGAU_METRICS_TOKEN", code="metrics.token")
    registry = CollectorRegistry(auto_describe=False)
    registry.register(OfHouse(container))
    return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)
