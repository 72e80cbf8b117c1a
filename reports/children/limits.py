"""Child processes: an environment without our secrets, and limits that the child sets on itself before any work."""

from __future__ import annotations

import ctypes
import os
import resource
import sys
from contextlib import suppress

KEPT = frozenset(
    {"PATH", "HOME", "LANG", "LANGUAGE", "TZ", "TZDIR", "TMPDIR", "PYTHONPATH", "PYTHONHOME", "PYTHONHASHSEED",
     "VIRTUAL_ENV", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SYSTEMROOT", "FONTCONFIG_FILE", "FONTCONFIG_PATH",
     "XDG_CACHE_HOME", "XDG_DATA_HOME", "FAKETIME", "LD_PRELOAD"}
)  # fmt: skip
"""Variables a child may know; none of ours, and no password of anybody's."""
NO_NEW_PRIVILEGES = 38
"""PR_SET_NO_NEW_PRIVS of Linux' prctl."""


def clean_environment() -> dict[str, str]:
    """Return what a child may know of our environment."""
    return {name: text for name, text in os.environ.items() if name in KEPT or name.startswith("LC_")}


def give_up_privileges() -> None:
    """See that neither this process nor a program it starts gains privileges; Linux only."""
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):
            ctypes.CDLL(None, use_errno=True).prctl(NO_NEW_PRIVILEGES, 1, 0, 0, 0)


def limit_to(*, cpu_s: int | None = None, processes: bool = True) -> None:
    """Set limits on this process: no core file, seconds of CPU, and without ``processes`` no further process or thread.

    (The system counts processes of one user together, so the only number that means anything is none. Root is not
    limited by it.)
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if cpu_s is not None:
        resource.setrlimit(resource.RLIMIT_CPU, (cpu_s, cpu_s))
    if not processes:
        resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))
    give_up_privileges()
