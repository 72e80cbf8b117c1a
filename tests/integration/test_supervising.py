"""The process that watches the consumer ends when it is told to, even where the consumer does not."""

from __future__ import annotations

import signal
import subprocess
import sys

STUBBORN = """
import signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("up", flush=True)
time.sleep(600)
"""
WATCHING = f"""
import sys
from infra.app.stream import supervise
sys.exit(supervise(["-c", {STUBBORN!r}], program=[sys.executable], patience_s=0.5))
"""


def test_a_consumer_that_does_not_end_is_killed() -> None:
    process = subprocess.Popen([sys.executable, "-c", WATCHING], stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"up\n"
    process.send_signal(signal.SIGTERM)
    rest, _ = process.communicate(timeout=60)  # the pipe ends with the child
    assert (process.returncode, rest) == (0, b"")
