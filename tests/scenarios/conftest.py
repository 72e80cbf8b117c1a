"""Every scenario leaves a log of decisions; it is compared with the recorded one (``tests/golden``)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.golden.watching import watched

_FAILED = pytest.StashKey[bool]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    report = yield
    if report.when == "call":  # type: ignore[attr-defined]
        item.stash[_FAILED] = not report.passed  # type: ignore[attr-defined]
    return report  # type: ignore[return-value]


@pytest.fixture(autouse=True)
def golden(request: pytest.FixtureRequest) -> Iterator[None]:
    """Set up before every world and torn down after it, so that it sees the log a scenario ends with."""
    with watched() as seen:
        yield
        if request.node.stash.get(_FAILED, True):
            return  # it says itself what is wrong
        seen.take_rest()
        seen.compare(request.path.stem, request.node.name)
