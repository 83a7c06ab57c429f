"""Start threads that help with the products of a single large trial, see `compiled.threads`."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from mlpctl.engines.kernel.arguments import JOB, MEMBERS, OVER, TASK_SIZE, own_address
from mlpctl.engines.kernel.cache import assist_name
from mlpctl.engines.kernel.layout import aligned_zeros
from mlpctl.engines.kernel.native import native_function
from mlpctl.engines.kernel.processor import vector_width


def _task(members: int) -> "np.ndarray[tuple[int], np.dtype[np.int64]]":
    task = np.zeros(TASK_SIZE, np.int64)
    task[MEMBERS] = members
    return task


_ALONE = _task(1)
ALONE = own_address(_ALONE)
"""Address of the task of a trial that no other thread helps."""


@contextmanager
def helped(members: int, deepest: int, dtype: str) -> Iterator[int]:
    """Yield the address of the task of a trial; the other threads of `members` help with it during the block.

    Args:
        members: threads in all.
        deepest: the longest dimension of the trial's products.
        dtype: of the trial.

    Raises:
        MemoryError: where there is none for their scratch; before any is begun, since they are waited for.
    """
    if members == 1:
        yield ALONE
        return
    task, assist = _task(members), native_function(assist_name(dtype))
    where = own_address(task)
    scratch = [aligned_zeros(2 * vector_width() * deepest, dtype) for _ in range(1, members)]
    threads = []
    try:
        for member, packed in enumerate(scratch, start=1):
            thread = threading.Thread(target=assist, args=(where, member, own_address(packed)), daemon=True)
            thread.start()
            threads.append(thread)
        yield where
    finally:
        task[JOB] = OVER
        for thread in threads:
            thread.join()
