"""Permissions that hold for root too, for as long as a block lasts."""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys
from collections.abc import Iterator

import pytest

__all__ = ["permissions_hold"]

_VERSION = 0x20080522  # _LINUX_CAPABILITY_VERSION_3
_OVERRIDES = 1 << 1 | 1 << 2  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH


class _Header(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _Data(ctypes.Structure):
    _fields_ = (
        ("effective", ctypes.c_uint32),
        ("permitted", ctypes.c_uint32),
        ("inheritable", ctypes.c_uint32),
    )


@contextlib.contextmanager
def permissions_hold() -> Iterator[None]:
    """Let file permissions mean what they say: root gives up overriding them, and takes it back.

    It is the thread's own doing, and that of threads and processes which it starts meanwhile.
    """
    if os.geteuid() != 0:
        yield
        return
    if sys.platform != "linux":
        pytest.skip("root reads everything here")
    libc = ctypes.CDLL(None, use_errno=True)
    header, before, less = _Header(_VERSION, 0), (_Data * 2)(), (_Data * 2)()
    for data in (before, less):
        assert libc.capget(ctypes.byref(header), data) == 0
    less[0].effective &= ~_OVERRIDES
    assert libc.capset(ctypes.byref(header), less) == 0
    try:
        yield
    finally:
        assert libc.capset(ctypes.byref(header), before) == 0
