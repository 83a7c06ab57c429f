"""The kernel's functions as machine code: numba compiles them, once per machine."""

from typing import Any

import numpy as np


def machine_code(name: str) -> tuple[str, bytes]:
    """Return the symbol and the object file of a function by name, see `native.function`; takes 20 s for a loop."""
    import llvmlite.binding as llvm

    function = _function(name)
    function.compile("int64(int64)")
    (signature,) = function.signatures
    module = llvm.parse_assembly(function.inspect_llvm(signature))
    machine = llvm.Target.from_default_triple().create_target_machine(
        cpu=llvm.get_host_cpu_name(), features=llvm.get_host_cpu_features().flatten(), opt=3, reloc="static",
        codemodel="jitdefault", jit=True,
    )  # fmt: skip
    return function.overloads[signature].fndesc.llvm_func_name, machine.emit_object(module)


def _function(name: str) -> Any:
    kind, *dtypes = name.split("-")
    types = [np.dtype(dtype).type for dtype in dtypes]
    if kind == "orders":
        from mlpctl.engine.kernel.compiled.draws import orders

        return orders
    if kind == "start":
        from mlpctl.engine.kernel.compiled.starts import start_for

        return start_for(*types)
    if kind == "assist":
        from mlpctl.engine.kernel.compiled.team import assist_for

        return assist_for(*types)
    from mlpctl.engine.kernel.compiled.epochs import epochs_for

    return epochs_for(*types)
