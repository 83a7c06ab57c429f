"""The kernel engine: one compiled training loop (numba), one trial per thread; the default on the CPU.

It does the arithmetic of `mlpctl.models.manual`, which is its readable definition. Two inner paths, chosen by shape:
loops that hold four rows in registers for small layers and minibatches, BLAS for large ones.
"""
