"""Figures for Prometheus, asked of the store at every scrape. They count; nothing in them says who."""

from __future__ import annotations

import hmac
from collections.abc import Iterable
from datetime import datetime

from fastapi import APIRouter, Request
from fastapi.responses import Response
from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector

from engine.kernel.errors import NotAllowed
from infra.app.container import House
from infra.observe.stage_health import standing
from infra.processes.lag import behind
from infra.web.context import TheHouse

router = APIRouter(tags=["health"])
_COUNTED = (
    ("qorgau_incidents_open", "Open incidents", "severity",
     "SELECT severity AS label, COUNT(*) AS n FROM incident_view WHERE is_open = 1 GROUP BY severity"),
    ("qorgau_clocks_running", "Legal clocks that run", "kind",
     "SELECT kind AS label, COUNT(*) AS n FROM clock_view WHERE running = 1 GROUP BY kind"),
    ("qorgau_clocks_breached", "Legal clocks that run beyond their term", "kind",
     "SELECT kind AS label, COUNT(*) AS n FROM clock_view WHERE running = 1 AND breached_at IS NOT NULL GROUP BY kind"),
    ("qorgau_notices", "Notices", "state", "SELECT state AS label, COUNT(*) AS n FROM notice_view GROUP BY state"),
    ("qorgau_effects", "Mails, orders and other effects", "state",
     "SELECT state AS label, COUNT(*) AS n FROM outbox GROUP BY state"),
    ("qorgau_dead_letters", "Dead letters kept", "source",
     "SELECT source AS label, COUNT(*) AS n FROM dead_letters GROUP BY source"),
)  # fmt: skip


class OfHouse(Collector):
    """Collects the figures of one organisation."""

    def __init__(self, house: House) -> None:
        self.house = house

    def collect(self) -> Iterable[Metric]:
        """Ask the store."""
        house = self.house
        yield CounterMetricFamily("qorgau_ledger_events", "Events in the ledger", value=house.ledger.head())
        yield CounterMetricFamily("qorgau_decisions", "Facts in the log of decisions", value=house.decisions.head())
        lag = GaugeMetricFamily("qorgau_follower_behind", "Records a follower has not seen", labels=["follower"])
        for name, count in behind(house.ledger, house.decisions, house.search).items():
            lag.add_metric([name], count)
        yield lag
        for name, help_, label, sql in _COUNTED:
            family = GaugeMetricFamily(name, help_, labels=[label])
            for row in house.database.rows(sql):
                family.add_metric([str(row["label"])], row["n"])
            yield family
        failing = GaugeMetricFamily("qorgau_stage_failing", "Stages that fail now", labels=["stage"])
        for fault in standing(house.database):
            failing.add_metric([fault["stage"]], 1)
        yield failing
        yield self._next_due()
        taken = CounterMetricFamily("qorgau_stream_taken", "Messages taken from Kafka", labels=["topic", "partition"])
        for row in house.database.rows("SELECT topic, part, next FROM arrivals"):
            taken.add_metric([row["topic"], str(row["part"])], row["next"])
        yield taken

    def _next_due(self) -> Metric:
        """Give the seconds until the next term ends; no sample while no clock runs."""
        family = GaugeMetricFamily("qorgau_next_term_seconds", "Seconds until the next open term ends")
        due = self.house.database.scalar("SELECT MIN(due_at) FROM clock_view WHERE running = 1 AND breached_at IS NULL")
        if due is not None:
            left = datetime.fromisoformat(due) - self.house.clock.now()
            family.add_metric([], left.total_seconds())
        return family


@router.get("/metrics", summary="Figures for Prometheus", response_class=Response)
def metrics(request: Request, house: TheHouse) -> Response:
    """Give the figures; with METRICS_TOKEN set, to its bearer only."""
    token = house.settings.metrics_token
    given = request.headers.get("Authorization", "").removeprefix("Bearer ")
    if token and not hmac.compare_digest(given.encode(), token.encode()):
        raise NotAllowed("this needs the token of QORGAU_METRICS_TOKEN", code="metrics.token")
    registry = CollectorRegistry(auto_describe=False)
    registry.register(OfHouse(house))
    return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)
