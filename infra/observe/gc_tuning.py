"""How a program that works in batches treats its memory: what a batch makes dies with it, need not be looked at many
times, and goes back to the system. And how threads that people wait for come to their turn."""

from __future__ import annotations

import ctypes
import gc
import sys

_ARENAS, _MAPPED_FROM = -8, -3  # M_ARENA_MAX and M_MMAP_THRESHOLD of glibc's mallopt(3)
LARGE = 256 * 1024
"""Bytes from which a piece of memory is the system's own again when it is free."""
PEOPLE_WAIT_S = 0.000_5
"""A page asks the store some twenty times. After each answer its thread waits for the interpreter until the thread that
computes gives way: five milliseconds by CPython's own setting (``sys.setswitchinterval``)."""


def tune() -> None:
    """Leave what is loaded alone for good, and collect less often. Called once, when a program is ready to work and
    before its threads begin."""
    _give_back()
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


def serve_people() -> None:
    """Let a thread that has its answer go on at once, beside others that compute; for a process that serves pages."""
    sys.setswitchinterval(PEOPLE_WAIT_S)


def _give_back() -> None:
    """Keep glibc from holding on to free memory: by itself it gives each thread a heap of its own, and raises the limit
    for large pieces with every one that is freed. Other systems are left as they are."""
    if sys.platform != "linux":
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_ARENAS, 2)
        mallopt(_MAPPED_FROM, LARGE)
