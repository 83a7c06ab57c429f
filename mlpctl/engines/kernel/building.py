"""Compile functions of the kernel into the cache: `python -m mlpctl.engines.kernel.building NICE NAME ...`.

In a process of its own, because numba's level of optimization is that of a process, and no other user of numba should
get this one: numba only translates, and LLVM's passes go once over the whole, in place of once a function. Functions
that come later share what is inferred and translated for those before. Times are in `docs/performance.md`.
"""

import gc
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

LEVEL = 1


def machine_code(name: str) -> tuple[str, bytes]:
    """Return the symbol and the object file of a function by name, see `native.native_function`."""
    import llvmlite.binding as llvm

    from mlpctl.engines.kernel.processor import target

    function = _function(name)
    function.compile("int64(int64)")
    (signature,) = function.signatures
    module = llvm.parse_assembly(function.inspect_llvm(signature))
    cpu, features = target()
    machine = llvm.Target.from_default_triple().create_target_machine(
        cpu=cpu, features=features, opt=3, reloc="static", codemodel="jitdefault", jit=True
    )
    passes = llvm.create_pass_builder(machine, llvm.create_pipeline_tuning_options(speed_level=LEVEL))
    passes.getModulePassManager().run(module, passes)
    return function.overloads[signature].fndesc.llvm_func_name, machine.emit_object(module)


def _function(name: str) -> Any:
    import numpy as np

    kind, *dtypes = name.split("-")
    types = [np.dtype(dtype).type for dtype in dtypes]
    if kind == "orders":
        from mlpctl.engines.kernel.compiled.minibatches import orders

        return orders
    if kind == "start":
        from mlpctl.engines.kernel.compiled.initial_weights import start_for

        return start_for(*types)
    if kind == "assist":
        from mlpctl.engines.kernel.compiled.threads import assist_for

        return assist_for(*types)
    from mlpctl.engines.kernel.compiled.epochs import epochs_for

    return epochs_for(*types)


def compile_functions(names: Sequence[str], nice: int) -> None:
    """Compile what is missing of some functions, unless another process compiles; say of each that fails why.

    Args:
        names: of the functions.
        nice: niceness of the process, see nice(2).
    """
    from filelock import FileLock, Timeout

    from mlpctl.engines.kernel import compilation
    from mlpctl.engines.kernel.cache import missing, packed, path_of, write

    if hasattr(os, "nice"):
        os.nice(nice)
    with suppress(Timeout), FileLock(compilation.lock_file(), timeout=1):
        print(compilation.COMPILES, file=sys.stderr, flush=True)
        for name in missing(names):
            failed = compilation.failure_file(name)
            try:
                write(path_of(name), packed(*machine_code(name)))
            except Exception as error:  # noqa: BLE001  whatever numba raises
                write(failed, _in_a_line(error).encode())
            else:
                failed.unlink(missing_ok=True)
        compilation.done()


def _in_a_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[-1] if lines else 'no reason given'}"


if __name__ == "__main__":
    gc.disable()  # a tenth of numba's time
    os.environ["NUMBA_OPT"] = "0"  # read when numba is imported
    compile_functions(sys.argv[2:], int(sys.argv[1]))
