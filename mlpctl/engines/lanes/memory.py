"""Measure free memory, and recognize errors of memory."""

import torch

SIGNS = ("out of memory", "ALLOC_FAILED")
"""In messages of CUDA itself and of cuBLAS, where it was not torch's allocator that asked."""


def out_of_memory(error: BaseException | None) -> bool:
    """Return whether an error, or one that caused it, is about memory.

    What fails while a graph is recorded is often followed by another error, of the end of the recording.
    """
    while error is not None:
        if isinstance(error, MemoryError | torch.OutOfMemoryError) or any(sign in str(error) for sign in SIGNS):
            return True
        error = error.__cause__ or error.__context__
    return False


def free_bytes(device: torch.device) -> int:
    """Return the memory that is free on a device."""
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        return int(free) + torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    if device.type == "mps":
        return int(torch.mps.recommended_max_memory()) - int(torch.mps.current_allocated_memory())
    import psutil

    return int(psutil.virtual_memory().available)
