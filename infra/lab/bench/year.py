"""``qorgau bench year``: years of a lender in virtual time."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import click

from infra.lab.simulate.invariants import Violated
from infra.lab.simulate.year import DAYS, simulate


def one(task: tuple[int, int]) -> dict[str, Any]:
    """Live one year; return what it came to, or the invariant that was violated."""
    seed, days = task
    began = time.perf_counter()
    try:
        result = simulate(seed, days)
    except Violated as error:
        return {"seed": seed, "violated": str(error), "seconds": time.perf_counter() - began}
    return {"seed": seed, "trace": result.trace, "seconds": time.perf_counter() - began, **result.counts}


@click.command("year")
@click.option("--seeds", type=click.IntRange(1), default=10, show_default=True, help="How many years.")
@click.option("--first", type=int, default=1, show_default=True, help="The first seed.")
@click.option("--days", type=click.IntRange(30, 3660), default=DAYS, show_default=True, help="Days of each.")
@click.option("--jobs", type=click.IntRange(1), help="Processes (default: one a core).")
@click.option("--twice", is_flag=True, help="Live the first year again in another process and compare the traces.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def year(seeds: int, first: int, days: int, jobs: int | None, twice: bool, as_json: bool) -> None:
    """Simulate years of an organisation with faults, crashes and absent staff, and check the invariants I1-I13.

    Exit status 1 when one is violated; the seed named gives the same trace again.
    """
    began = time.perf_counter()
    with ProcessPoolExecutor(jobs or os.cpu_count() or 1) as pool:
        results = list(pool.map(one, [(first + number, days) for number in range(seeds)]))
    violated = [result for result in results if "violated" in result]
    totals = {
        key: sum(result.get(key, 0) for result in results)
        for key in (
            "steps",
            "crashes",
            "decisions",
            "incidents",
            "clocks",
            "breached",
            "satisfied",
            "notices",
            "orders",
        )
    }
    document = {
        "years": seeds, "days": days, "seconds": round(time.perf_counter() - began, 1),
        "seconds_of_one": round(sum(result["seconds"] for result in results) / len(results), 2),
        "violated": violated, **totals,
    }  # fmt: skip
    if twice:
        document["same_trace_again"] = _again(first, days) == results[0].get("trace")
    if as_json:
        click.echo(json.dumps(document))
    else:
        for key, value in document.items():
            click.echo(f"{key:18} {value}")
    raise SystemExit(1 if violated or document.get("same_trace_again") is False else 0)


def _again(seed: int, days: int) -> str:
    """The same year in a process with another hash seed."""
    code = f"from infra.lab.simulate.year import simulate; print(simulate({seed}, {days}).trace)"
    environment = {**os.environ, "PYTHONHASHSEED": "7"}
    done = subprocess.run(  # noqa: S603 - our own code
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment
    )
    return done.stdout.strip()
