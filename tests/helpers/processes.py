"""Processes that a test has started, seen from inside the test."""

from __future__ import annotations

from pathlib import Path

__all__ = ["children"]


def children() -> set[str]:
    """Process ids of this process's children.

    To be compared with those of before: an earlier test may have left a resource tracker, which
    lives as long as the process that runs the tests.
    """
    while True:
        lists = Path("/proc/self/task").glob("*/children")
        try:
            return {pid for tasks in lists for pid in tasks.read_text().split()}
        except (FileNotFoundError, ProcessLookupError):
            continue  # a thread ended meanwhile, and another has its children now
