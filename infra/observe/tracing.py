"""Traces (OpenTelemetry) along an event's way: HTTP or Kafka → ledger → finding → incident.

A trace goes on where the sender began one (W3C ``traceparent``, in the HTTP header or that of the Kafka message). What
is stored in one append remembers the trace it was stored in, beside the ledger and not in it, so that detection, in
another process and later, goes on with it. Spans hold counts, names of rules and numbers of incidents, and nothing
that an event says. Without ``QORGAU_TRACES`` nothing of this is loaded, and nothing is written.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from infra.store.sql.cursor import Cursor

if TYPE_CHECKING:
    from infra.settings.observing import ObservingSettings

KEPT = 10_000
"""Traces of findings kept in memory until their incident opens."""
FORGOTTEN_AFTER = 1_000_000
"""Events after which the trace of an append is forgotten."""
MOST_LINKS = 128
HEADER = "traceparent"


class Tracing:
    """Nothing is traced: what every caller gets where no collector is set."""

    active = False

    @contextmanager
    def span(
        self, name: str, kind: str = "internal", parents: Iterable[str] = (), **attributes: str | int
    ) -> Iterator[Span]:
        """Do something as a part of the trace of its parents (``traceparent`` texts).

        One parent: its trace goes on. Several: a trace of its own, with a link to each. None: a new one.
        """
        yield NOTHING

    def remember(self, cursor: Cursor, head: int, accepted: int, trace: str) -> None:
        """Keep the trace in which the last events were stored, in their transaction."""

    def of_event(self, cursor: Cursor, position: int) -> str:
        """Return the trace in which an event was stored; empty when there is none."""
        return ""

    def found(self, finding_id: str, trace: str) -> None:
        """Keep the trace of a finding until its incident opens."""

    def of_finding(self, finding_id: str) -> str:
        """Return the trace of a finding."""
        return ""

    def close(self) -> None:
        """Send what waits."""


class Span:
    """What is done as a part of a trace; ``trace`` is what others need to go on with it."""

    trace = ""

    def say(self, **attributes: str | int) -> None:
        """Add what came out."""


NOTHING = Span()
OFF = Tracing()


class Traced(Tracing):
    """Sends spans to a collector over OTLP/HTTP."""

    active = True

    def __init__(self, endpoint: str, share: float, version: str) -> None:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
        from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased

        about = Resource.create({"service.name": "qorgau", "service.version": version})
        self._provider = TracerProvider(sampler=ParentBased(TraceIdRatioBased(share)), resource=about)
        self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint)))
        self._tracer = self._provider.get_tracer("qorgau")
        self._found: dict[str, str] = {}

    @contextmanager
    def span(
        self, name: str, kind: str = "internal", parents: Iterable[str] = (), **attributes: str | int
    ) -> Iterator[Span]:
        """Do something as a part of the trace of its parents."""
        from opentelemetry import trace as api

        contexts = [(text, it) for text in dict.fromkeys(parents) if text and (it := _context(text)) is not None]
        links = [api.Link(_of(it)) for _, it in contexts[:MOST_LINKS]] if len(contexts) > 1 else []
        parent = contexts[0][1] if len(contexts) == 1 else _context("")
        with self._tracer.start_as_current_span(
            name, context=parent, kind=api.SpanKind[kind.upper()], links=links, attributes=_named(attributes),
            record_exception=False, set_status_on_exception=False,
        ) as span:  # fmt: skip
            try:
                yield _Open(span)
            except Exception as error:  # its message may hold what must not leave
                span.set_status(api.StatusCode.ERROR, type(error).__name__)
                raise

    def remember(self, cursor: Cursor, head: int, accepted: int, trace: str) -> None:
        """Keep the trace in which the last events were stored, in their transaction."""
        if not trace or not accepted:
            return
        cursor.execute(
            "INSERT INTO traces (last, first, parent) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
            (head, head - accepted + 1, trace),
        )
        cursor.execute("DELETE FROM traces WHERE last < ?", (head - FORGOTTEN_AFTER,))

    def of_event(self, cursor: Cursor, position: int) -> str:
        """Return the trace in which an event was stored; empty when there is none."""
        cursor.execute("SELECT first, parent FROM traces WHERE last >= ? ORDER BY last LIMIT 1", (position,))
        row = cursor.fetchone()
        return str(row[1]) if row is not None and row[0] <= position else ""

    def found(self, finding_id: str, trace: str) -> None:
        """Keep the trace of a finding until its incident opens."""
        if len(self._found) >= KEPT:
            self._found.clear()
        if trace:
            self._found[finding_id] = trace

    def of_finding(self, finding_id: str) -> str:
        """Return the trace of a finding, once."""
        return self._found.pop(finding_id, "")

    def close(self) -> None:
        """Send what waits."""
        self._provider.shutdown()


class _Open(Span):
    def __init__(self, span: Any) -> None:
        self._span = span
        it = span.get_span_context()
        # What is not sampled leaves no trace for others to go on with.
        self.trace = f"00-{it.trace_id:032x}-{it.span_id:016x}-01" if it.trace_flags.sampled else ""

    def say(self, **attributes: str | int) -> None:
        """Add what came out."""
        self._span.set_attributes(_named(attributes))


def _context(text: str) -> Any:
    """Read a ``traceparent``; None for what is none, an empty context for an empty text."""
    from opentelemetry.context import Context
    from opentelemetry.trace import get_current_span
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    if not text:
        return Context()
    found = TraceContextTextMapPropagator().extract({HEADER: text}, Context())
    return found if get_current_span(found).get_span_context().is_valid else None


def _of(context: Any) -> Any:
    from opentelemetry.trace import get_current_span

    return get_current_span(context).get_span_context()


def _named(attributes: dict[str, str | int]) -> dict[str, str | int]:
    return {f"qorgau.{name}": value for name, value in attributes.items()}


def tracing_of(settings: ObservingSettings, version: str) -> Tracing:
    """Return what the settings ask for."""
    return Traced(settings.traces, settings.traces_share, version) if settings.traces else OFF
