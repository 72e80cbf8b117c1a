"""What people feel while a bench runs: pages, signing in, a static page."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Sequence

import httpx

SIGN_IN_EVERY_S = 2.0
PAUSE_S = 0.1


def quantile(values: Sequence[float], share: float) -> float:
    """Return the value below which a share of the values lies, 0 for none."""
    ranked = sorted(values)
    return ranked[min(len(ranked) - 1, int(share * len(ranked)))] if ranked else 0.0


class Visitor(threading.Thread):
    """Somebody who looks at one page after the other, and signs in again and again."""

    def __init__(self, address: str, user: str, password: str) -> None:
        super().__init__(name="visitor", daemon=True)
        self.http = httpx.Client(base_url=address, timeout=120, trust_env=False, headers={"Accept-Language": "ru"})
        self.user, self.password = user, password
        self.pages: list[str] = ["/", "/clocks", "/notices"]
        self.seconds: dict[str, list[float]] = defaultdict(list)
        """Page (or ``sign-in``, ``static``) → how long each visit took, in seconds."""
        self.failed: list[str] = []
        self.stopping = threading.Event()

    def sign_in(self) -> None:
        """Sign in. Raise RuntimeError when that is refused."""
        began = time.perf_counter()
        answer = self.http.post("/sign-in", data={"user": self.user, "password": self.password})
        self.seconds["sign-in"].append(time.perf_counter() - began)
        if answer.status_code != 303:
            raise RuntimeError(f"signing in: HTTP {answer.status_code}")

    def run(self) -> None:
        """Visit until stopped."""
        signed = 0.0
        while not self.stopping.is_set():
            try:
                if time.monotonic() - signed > SIGN_IN_EVERY_S:
                    self.sign_in()
                    signed = time.monotonic()
                for name, path in [("static", "/static/app.css"), *((page, page) for page in self.pages)]:
                    self._visit(name, path)
                    self.stopping.wait(PAUSE_S)
            except (httpx.HTTPError, RuntimeError) as error:
                self.failed.append(f"{type(error).__name__}: {error}"[:200])
                self.stopping.wait(PAUSE_S)

    def _visit(self, name: str, path: str) -> None:
        began = time.perf_counter()
        answer = self.http.get(path)
        self.seconds[name].append(time.perf_counter() - began)
        if answer.status_code != 200:
            self.failed.append(f"{path}: HTTP {answer.status_code}")

    def stop(self) -> None:
        """End the visits."""
        self.stopping.set()
        self.join(130)

    def figures(self) -> dict[str, object]:
        """Return the figures of all visits."""
        pages = [one for name, many in self.seconds.items() if name not in ("sign-in", "static") for one in many]
        by_page = {name: quantile(many, 0.95) for name, many in self.seconds.items() if name.startswith("/")}
        slowest = max(by_page, key=lambda name: by_page[name], default="")
        static, signing = self.seconds["static"], self.seconds["sign-in"]
        return {
            "page_visits": len(pages), "page_p95_ms": 1000 * quantile(pages, 0.95),
            "page_max_ms": 1000 * max(pages, default=0.0), "slowest_page": slowest,
            "slowest_page_p95_ms": 1000 * by_page.get(slowest, 0.0), "static_p95_ms": 1000 * quantile(static, 0.95),
            "sign_in_visits": len(signing), "sign_in_p95_ms": 1000 * quantile(signing, 0.95),
            "visits_failed": len(self.failed),
        }  # fmt: skip
