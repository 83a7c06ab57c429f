"""Compute affine maps in compiled code, forward and backward: of small minibatches here, of large ones as products.

Numbers are flat, behind pointers with offsets: a view per layer costs more than a small layer's arithmetic. `x0`,
`z0`, `w0` are where an array begins. Outputs are padded to whole vectors (see `layout`), so no loop here has a tail.
Four rows are held at a time: each weight that is loaded then serves four rows, and their sums stay in registers.

Offsets and lengths are unsigned (U) throughout: numba lets signed indices wrap around, and checks each one.

Measured at 128-64, four rows, on one core with a peak of 256 GFLOP/s: forward 0.29 µs (223 GFLOP/s; the loops that
numba vectorizes by itself took 0.85), backward and step 0.68 (0.95).
"""

from typing import Any

from mlpctl.engines.kernel.compiled.compiling import U, apart, inner
from mlpctl.engines.kernel.compiled.pointers import number
from mlpctl.engines.kernel.compiled.scratch import VV, V
from mlpctl.engines.kernel.compiled.threads import product
from mlpctl.engines.kernel.compiled.tiles import TOGETHER, input_gradients
from mlpctl.engines.kernel.compiled.vectors import add, fill, fma, load, mul, store, sum_of

LARGE = 16
"""Rows from which a minibatch goes through matrix products: they hold some rows at a time and pack what they read."""

CHUNK = 8192
"""Weights that the backward pass goes over twice in a row: as many as stay in the nearest cache (32 KB)."""


@apart
def forward(
    buffer: Any, x0: int, n: int, inputs: int, outputs: int, theta: Any, w0: int, b0: int, z0: int, packed: Any,
    task: Any,
) -> None:  # fmt: skip
    """Set z (n, outputs) in the buffer to x (n, inputs) W + b; `packed` (2 W · inputs,) is scratch."""
    if n >= LARGE:
        product(task, buffer, x0, inputs, U(1), n, inputs, theta, w0, outputs, False, outputs, buffer, z0, outputs,
                theta, b0, U(0), number(theta, 1), packed)  # fmt: skip
        return
    r = U(0)
    while r + U(4) <= n:
        x, z, j = x0 + r * inputs, z0 + r * outputs, U(0)
        while j + VV <= outputs:
            _forward_four_wide(buffer, x, inputs, outputs, theta, w0 + j, b0 + j, z + j)
            j += VV
        if j < outputs:
            _forward_four(buffer, x, inputs, outputs, theta, w0 + j, b0 + j, z + j)
        r += U(4)
    while r < n:
        _forward_one(buffer, x0 + r * inputs, inputs, outputs, theta, w0, b0, z0 + r * outputs)
        r += U(1)


@inner
def _forward_four_wide(buffer: Any, x0: int, inputs: int, outputs: int, theta: Any, w0: int, b0: int, z0: int) -> None:
    """Four rows, two vectors of outputs: eight sums, as many as a processor has additions under way."""
    x1, x2, x3 = x0 + inputs, x0 + U(2) * inputs, x0 + U(3) * inputs
    a0 = a1 = a2 = a3 = load(theta, b0)
    c0 = c1 = c2 = c3 = load(theta, b0 + V)
    w = w0
    for i in range(inputs):
        p, q = load(theta, w), load(theta, w + V)
        x = fill(buffer[x0 + i])
        a0, c0 = fma(x, p, a0), fma(x, q, c0)
        x = fill(buffer[x1 + i])
        a1, c1 = fma(x, p, a1), fma(x, q, c1)
        x = fill(buffer[x2 + i])
        a2, c2 = fma(x, p, a2), fma(x, q, c2)
        x = fill(buffer[x3 + i])
        a3, c3 = fma(x, p, a3), fma(x, q, c3)
        w += outputs
    z1, z2, z3 = z0 + outputs, z0 + U(2) * outputs, z0 + U(3) * outputs
    store(buffer, z0, a0)
    store(buffer, z0 + V, c0)
    store(buffer, z1, a1)
    store(buffer, z1 + V, c1)
    store(buffer, z2, a2)
    store(buffer, z2 + V, c2)
    store(buffer, z3, a3)
    store(buffer, z3 + V, c3)


@inner
def _forward_four(buffer: Any, x0: int, inputs: int, outputs: int, theta: Any, w0: int, b0: int, z0: int) -> None:
    """Four rows, one vector of outputs; even and odd inputs are summed apart, for eight sums again."""
    x1, x2, x3 = x0 + inputs, x0 + U(2) * inputs, x0 + U(3) * inputs
    a0 = a1 = a2 = a3 = load(theta, b0)
    c0 = c1 = c2 = c3 = fill(number(theta, 0.0))
    w, i = w0, U(0)
    while i + U(2) <= inputs:
        k = i + U(1)
        p, q = load(theta, w), load(theta, w + outputs)
        a0, c0 = fma(fill(buffer[x0 + i]), p, a0), fma(fill(buffer[x0 + k]), q, c0)
        a1, c1 = fma(fill(buffer[x1 + i]), p, a1), fma(fill(buffer[x1 + k]), q, c1)
        a2, c2 = fma(fill(buffer[x2 + i]), p, a2), fma(fill(buffer[x2 + k]), q, c2)
        a3, c3 = fma(fill(buffer[x3 + i]), p, a3), fma(fill(buffer[x3 + k]), q, c3)
        w += outputs + outputs
        i += U(2)
    if i < inputs:
        p = load(theta, w)
        a0, a1 = fma(fill(buffer[x0 + i]), p, a0), fma(fill(buffer[x1 + i]), p, a1)
        a2, a3 = fma(fill(buffer[x2 + i]), p, a2), fma(fill(buffer[x3 + i]), p, a3)
    store(buffer, z0, add(a0, c0))
    store(buffer, z0 + outputs, add(a1, c1))
    store(buffer, z0 + U(2) * outputs, add(a2, c2))
    store(buffer, z0 + U(3) * outputs, add(a3, c3))


@inner
def _forward_one(buffer: Any, x0: int, inputs: int, outputs: int, theta: Any, w0: int, b0: int, z0: int) -> None:
    for j in range(U(0), outputs, V):
        a, w = load(theta, b0 + j), w0 + j
        for i in range(inputs):
            a = fma(fill(buffer[x0 + i]), load(theta, w), a)
            w += outputs
        store(buffer, z0 + j, a)


@inner
def forward_sparse(
    values: Any, columns: Any, starts: Any, rows: Any, n: int, outputs: int, theta: Any, w0: int, b0: int, buffer: Any,
    z0: int,
) -> None:  # fmt: skip
    """Set z (n, outputs) in the buffer to X W + b for n rows of a CSR matrix; the cost follows the non-zeros."""
    for r in range(n):
        z = z0 + r * outputs
        for j in range(U(0), outputs, V):
            a = load(theta, b0 + j)
            for k in range(starts[rows[r]], starts[rows[r] + 1]):
                a = fma(fill(values[k]), load(theta, w0 + U(columns[k]) * outputs + j), a)
            store(buffer, z + j, a)


@apart
def gradients(
    buffer: Any, x0: int, n: int, inputs: int, outputs: int, theta: Any, w0: int, delta: Any, before: Any, wanted: bool,
    target: Any, t0: int, factor: Any, nothing: Any, packed: Any, task: Any,
) -> None:  # fmt: skip
    """Set `before` (n, inputs) to delta (n, outputs) Wᵀ, and add factor · xᵀ delta to the target (inputs, outputs).

    With the weights themselves as the target and -lr as the factor that is the step of plain SGD as well.

    Args:
        buffer: array in which x (n, inputs) begins at x0.
        x0: see buffer.
        n: rows.
        inputs: of the layer; whole vectors if `before` is wanted.
        outputs: of the layer, whole vectors.
        theta: array in which W (inputs, outputs) begins at w0.
        w0: see theta.
        delta: gradient with respect to the outputs (n, outputs).
        before: gradient with respect to the inputs, set.
        wanted: true if `before` is to be set.
        target: array to which the gradient of W is added, from t0 on.
        t0: see target.
        factor: factor of the gradient of W.
        nothing: zeros (inputs,).
        packed: scratch (2 W · the largest of n, inputs, outputs).
        task: see `threads`.
    """
    if n >= LARGE:
        if wanted:
            product(task, delta, U(0), outputs, U(1), n, outputs, theta, w0, outputs, True, inputs, before, U(0),
                    inputs, nothing, U(0), U(0), number(theta, 1), packed)  # fmt: skip
        product(task, buffer, x0, U(1), inputs, inputs, n, delta, U(0), outputs, False, outputs, target, t0, outputs,
                target, t0, outputs, factor, packed)  # fmt: skip
        return
    at_once = max(V, U(CHUNK) // outputs // V * V)
    first = U(0)
    while first < inputs:
        last = min(first + at_once, inputs)
        r = U(0)
        if wanted:
            while r + U(TOGETHER) <= n:
                for i in range(first, last, U(4)):
                    input_gradients(
                        theta, w0 + i * outputs, outputs, delta, r * outputs, before, r * inputs + i, inputs
                    )
                r += U(TOGETHER)
            while r < n:
                _input_gradient_one(first, last, outputs, theta, w0, delta, r * outputs, before, r * inputs)
                r += U(1)
            r = U(0)
        while r + U(4) <= n:
            x = x0 + r * inputs
            _weight_gradient_four(buffer, x, first, last, inputs, outputs, delta, r * outputs, target, t0, factor)
            r += U(4)
        while r < n:
            x = x0 + r * inputs
            _weight_gradient_one(buffer, x, first, last, outputs, delta, r * outputs, target, t0, factor)
            r += U(1)
        first = last


@inner
def _input_gradient_one(
    first: int, last: int, outputs: int, theta: Any, w0: int, delta: Any, d0: int, before: Any, e0: int
) -> None:
    for i in range(first, last):
        total = fill(number(theta, 0.0))
        for j in range(U(0), outputs, V):
            total = fma(load(delta, d0 + j), load(theta, w0 + i * outputs + j), total)
        before[e0 + i] = sum_of(total)


@inner
def _weight_gradient_four(
    buffer: Any, x0: int, first: int, last: int, inputs: int, outputs: int, delta: Any, d0: int, target: Any, t0: int,
    factor: Any,
) -> None:  # fmt: skip
    x1, x2, x3 = x0 + inputs, x0 + U(2) * inputs, x0 + U(3) * inputs
    d1, d2, d3 = d0 + outputs, d0 + U(2) * outputs, d0 + U(3) * outputs
    scale, j = fill(factor), U(0)
    while j + VV <= outputs:
        k = j + V
        a0, a1 = mul(scale, load(delta, d0 + j)), mul(scale, load(delta, d1 + j))
        a2, a3 = mul(scale, load(delta, d2 + j)), mul(scale, load(delta, d3 + j))
        c0, c1 = mul(scale, load(delta, d0 + k)), mul(scale, load(delta, d1 + k))
        c2, c3 = mul(scale, load(delta, d2 + k)), mul(scale, load(delta, d3 + k))
        t = t0 + first * outputs + j
        for i in range(first, last):
            p0, p1, p2, p3 = fill(buffer[x0 + i]), fill(buffer[x1 + i]), fill(buffer[x2 + i]), fill(buffer[x3 + i])
            store(target, t, fma(p0, a0, fma(p1, a1, fma(p2, a2, fma(p3, a3, load(target, t))))))
            store(target, t + V, fma(p0, c0, fma(p1, c1, fma(p2, c2, fma(p3, c3, load(target, t + V))))))
            t += outputs
        j += VV
    if j < outputs:
        a0, a1 = mul(scale, load(delta, d0 + j)), mul(scale, load(delta, d1 + j))
        a2, a3 = mul(scale, load(delta, d2 + j)), mul(scale, load(delta, d3 + j))
        t = t0 + first * outputs + j
        for i in range(first, last):
            p0, p1, p2, p3 = fill(buffer[x0 + i]), fill(buffer[x1 + i]), fill(buffer[x2 + i]), fill(buffer[x3 + i])
            store(target, t, fma(p0, a0, fma(p1, a1, fma(p2, a2, fma(p3, a3, load(target, t))))))
            t += outputs


@inner
def _weight_gradient_one(
    buffer: Any, x0: int, first: int, last: int, outputs: int, delta: Any, d0: int, target: Any, t0: int, factor: Any
) -> None:
    for j in range(U(0), outputs, V):
        a, t = mul(fill(factor), load(delta, d0 + j)), t0 + first * outputs + j
        for i in range(first, last):
            store(target, t, fma(fill(buffer[x0 + i]), a, load(target, t)))
            t += outputs
