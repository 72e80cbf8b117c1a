"""Logs, traces, the health of stages, memory."""
