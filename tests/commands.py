"""Runs ``qorgau`` in a process of its own that is forked from one that has imported everything already.

Each call is a new process with its own environment, input, output and exit status; only the two seconds of imports are
shared. That the command starts from nothing is shown where tests start it as a server or with pipes.
"""

from __future__ import annotations

import os
import sys
import tempfile
from multiprocessing import get_context
from pathlib import Path
from subprocess import CompletedProcess

from tests.full_setup import environment as engines

LIMIT_S = 300
_WARM = get_context("forkserver")
_NEEDED = "cases evidence ingest keys ledger report retention rule_life rules simulate users"
_WARM.set_forkserver_preload([f"infra.cli.{name}" for name in _NEEDED.split()])


def qorgau(*arguments: str, data: Path, stdin: bytes = b"", **more: str) -> CompletedProcess[bytes]:
    """Run one command over a data directory; return status and output as ``subprocess.run`` does."""
    environment = {**os.environ, "QORGAU_DATA": str(data), **engines(data), **more}
    with tempfile.TemporaryDirectory() as folder:
        told, out, err = (Path(folder) / name for name in ("stdin", "stdout", "stderr"))
        told.write_bytes(stdin)
        process = _WARM.Process(target=_run, args=(arguments, environment, os.getcwd(), folder))
        process.start()
        process.join(LIMIT_S)
        if process.exitcode is None:
            process.kill()
            raise TimeoutError(f"qorgau {' '.join(arguments)} ran longer than {LIMIT_S} s")
        return CompletedProcess(["qorgau", *arguments], process.exitcode, out.read_bytes(), err.read_bytes())


def _run(arguments: tuple[str, ...], environment: dict[str, str], here: str, folder: str) -> None:
    ways = (("stdin", os.O_RDONLY), ("stdout", os.O_WRONLY | os.O_CREAT), ("stderr", os.O_WRONLY | os.O_CREAT))
    for number, (name, mode) in enumerate(ways):
        os.dup2(os.open(Path(folder) / name, mode), number)
    sys.stdin = open(0, encoding="utf8", closefd=False)  # noqa: SIM115 - multiprocessing has closed the first one
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(here)
    sys.argv = ["qorgau", *arguments]
    from infra.cli import main

    main()
