"""A real HTTP server that takes traces over OTLP and remembers the spans."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.receiver import serving


@dataclass
class Collector:
    """The spans that came, by name."""

    url: str = ""
    spans: dict[str, list[Any]] = field(default_factory=dict)
    raw: bytes = b""

    def one(self, name: str) -> Any:
        (span,) = self.spans[name]
        return span


@contextmanager
def collecting() -> Iterator[Collector]:
    collector = Collector()

    def take(headers: dict[str, str], body: bytes) -> int:
        packed = headers.get("content-encoding") in ("gzip", "deflate")
        plain = zlib.decompress(body, zlib.MAX_WBITS | 32) if packed else body
        collector.raw += plain
        for resource in ExportTraceServiceRequest.FromString(plain).resource_spans:
            for scope in resource.scope_spans:
                for span in scope.spans:
                    collector.spans.setdefault(span.name, []).append(span)
        return 200

    with serving(take) as address:
        collector.url = f"{address}/v1/traces"
        yield collector
