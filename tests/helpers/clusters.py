"""A scheduler and its workers on this machine, in processes of their own."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import pytest

__all__ = ["local_cluster"]


@contextlib.contextmanager
def local_cluster(n_workers: int) -> Iterator[Any]:
    """A cluster; a part may end two workers before it is given up, and nobody waits long for one."""
    distributed = pytest.importorskip("distributed")
    from dask import config

    patience = {"distributed.scheduler.allowed-failures": 1, "distributed.comm.timeouts.connect": 1}
    with (
        config.set(patience),
        distributed.LocalCluster(
            n_workers=n_workers,
            threads_per_worker=1,
            processes=True,
            dashboard_address="127.0.0.1:0",
            host="127.0.0.1",
            silence_logs=100,
        ) as cluster,
    ):
        yield cluster
