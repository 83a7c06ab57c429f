"""Train trials with the kernel engine: one compiled training loop, one trial per thread; the default on the CPU.

It does the arithmetic of `mlpctl.models.numpy`, which is its readable definition. Two inner paths, chosen by shape:
loops that hold four rows in registers for small minibatches, blocked matrix products for large ones. `compiled` is the
text that numba compiles, once per machine; what is kept is machine code, which `native` calls without numba.
"""
