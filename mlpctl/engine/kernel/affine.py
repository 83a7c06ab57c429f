"""Affine maps of compiled code, forward and backward.

Arrays are flat with offsets: a view per layer costs more than a small layer's arithmetic. `x0`, `z0`, `w0` are where an
array's first number is. Loops hold four rows (and four or two inputs) at a time: then the compiler keeps sums in
registers and each weight that is loaded serves four rows.

Offsets and lengths are unsigned (U) throughout: numba lets signed indices wrap around, and loops over such are not
turned into vectors. Measured at 128-64: 4.3 µs signed, 0.36 µs unsigned, 180 GFLOP/s on one core.
"""

from typing import Any

import numpy as np

from mlpctl.engine.kernel.compiling import U, inner

BLAS_FROM = 65_536
"""Multiplications of a layer and minibatch from which BLAS is faster than the loops here."""

BLAS_ROWS = 16
"""Rows from which it may be used: with fewer, BLAS packs matrices for longer than it multiplies."""

TILE = 256
"""Outputs that are summed at a time."""


@inner
def uses_blas(n: int, inputs: int, outputs: int) -> bool:
    """Whether a layer goes through BLAS."""
    return n >= BLAS_ROWS and n * inputs * outputs >= BLAS_FROM


@inner
def forward(
    buffer: Any, x0: int, n: int, inputs: int, outputs: int, theta: Any, w0: int, b0: int, z0: int, tile: Any
) -> None:
    """Set z (n, outputs) in the buffer to x (n, inputs) W + b; `tile` (4 · TILE,) is scratch."""
    if uses_blas(n, inputs, outputs):
        x = buffer[x0 : x0 + n * inputs].reshape(n, inputs)
        z = buffer[z0 : z0 + n * outputs].reshape(n, outputs)
        np.dot(x, theta[w0 : w0 + inputs * outputs].reshape(inputs, outputs), z)
        for r in range(n):
            for j in range(outputs):
                buffer[z0 + r * outputs + j] += theta[b0 + j]
        return
    r = U(0)
    while r + U(4) <= n:
        _forward_four(buffer, x0 + r * inputs, inputs, outputs, theta, w0, b0, z0 + r * outputs, tile)
        r += U(4)
    while r < n:
        _forward_one(buffer, x0 + r * inputs, inputs, outputs, theta, w0, b0, z0 + r * outputs)
        r += U(1)


@inner
def _forward_four(
    buffer: Any, x0: int, inputs: int, outputs: int, theta: Any, w0: int, b0: int, z0: int, tile: Any
) -> None:
    """Four rows, up to TILE outputs at a time, summed in a tile.

    The rows of the tile lie a constant apart, so the compiler knows that they do not overlap; it does not of rows of
    the buffer, and asking at run time costs a third of the whole (0.77 against 0.57 µs at 128-64).
    """
    t0, t1, t2, t3 = U(0), U(TILE), U(2 * TILE), U(3 * TILE)
    x1, x2, x3 = x0 + inputs, x0 + U(2) * inputs, x0 + U(3) * inputs
    begin = U(0)
    while begin < outputs:
        width = min(U(TILE), outputs - begin)
        for j in range(width):
            b = theta[b0 + begin + j]
            tile[t0 + j] = b
            tile[t1 + j] = b
            tile[t2 + j] = b
            tile[t3 + j] = b
        i = U(0)
        while i + U(4) <= inputs:
            wa = w0 + i * outputs + begin
            wb, wc, wd = wa + outputs, wa + U(2) * outputs, wa + U(3) * outputs
            k = i + U(1)
            a0, a1, a2, a3 = buffer[x0 + i], buffer[x0 + k], buffer[x0 + k + U(1)], buffer[x0 + k + U(2)]
            c0, c1, c2, c3 = buffer[x1 + i], buffer[x1 + k], buffer[x1 + k + U(1)], buffer[x1 + k + U(2)]
            d0, d1, d2, d3 = buffer[x2 + i], buffer[x2 + k], buffer[x2 + k + U(1)], buffer[x2 + k + U(2)]
            e0, e1, e2, e3 = buffer[x3 + i], buffer[x3 + k], buffer[x3 + k + U(1)], buffer[x3 + k + U(2)]
            for j in range(width):
                p, q, s, t = theta[wa + j], theta[wb + j], theta[wc + j], theta[wd + j]
                tile[t0 + j] += a0 * p + a1 * q + a2 * s + a3 * t
                tile[t1 + j] += c0 * p + c1 * q + c2 * s + c3 * t
                tile[t2 + j] += d0 * p + d1 * q + d2 * s + d3 * t
                tile[t3 + j] += e0 * p + e1 * q + e2 * s + e3 * t
            i += U(4)
        while i < inputs:
            wa = w0 + i * outputs + begin
            a0, c0, d0, e0 = buffer[x0 + i], buffer[x1 + i], buffer[x2 + i], buffer[x3 + i]
            for j in range(width):
                p = theta[wa + j]
                tile[t0 + j] += a0 * p
                tile[t1 + j] += c0 * p
                tile[t2 + j] += d0 * p
                tile[t3 + j] += e0 * p
            i += U(1)
        for r in range(U(4)):
            z = z0 + r * outputs + begin
            for j in range(width):
                buffer[z + j] = tile[r * U(TILE) + j]
        begin += U(TILE)


@inner
def _forward_one(buffer: Any, x0: int, inputs: int, outputs: int, theta: Any, w0: int, b0: int, z0: int) -> None:
    for j in range(outputs):
        buffer[z0 + j] = theta[b0 + j]
    for i in range(inputs):
        a = buffer[x0 + i]
        wa = w0 + i * outputs
        for j in range(outputs):
            buffer[z0 + j] += a * theta[wa + j]


@inner
def forward_sparse(
    values: Any, columns: Any, starts: Any, rows: Any, n: int, outputs: int, theta: Any, w0: int, b0: int, buffer: Any,
    z0: int,
) -> None:  # fmt: skip
    """Set z (n, outputs) in the buffer to X W + b for n rows of a CSR matrix; the cost follows the non-zeros."""
    for r in range(n):
        z = z0 + r * outputs
        for j in range(outputs):
            buffer[z + j] = theta[b0 + j]
        for k in range(starts[rows[r]], starts[rows[r] + 1]):
            a, w = values[k], w0 + U(columns[k]) * outputs
            for j in range(outputs):
                buffer[z + j] += a * theta[w + j]


@inner
def _input_gradient_four(
    delta: Any, d0: int, inputs: int, outputs: int, theta: Any, w0: int, before: Any, e0: int
) -> None:
    """Set the gradient of four rows (4, inputs) in `before` to delta (4, outputs) Wᵀ."""
    d1, d2, d3 = d0 + outputs, d0 + U(2) * outputs, d0 + U(3) * outputs
    e1, e2, e3 = e0 + inputs, e0 + U(2) * inputs, e0 + U(3) * inputs
    zero = theta.dtype.type(0)
    for i in range(inputs):
        w = w0 + i * outputs
        a = b = c = d = zero
        for j in range(outputs):
            t = theta[w + j]
            a += delta[d0 + j] * t
            b += delta[d1 + j] * t
            c += delta[d2 + j] * t
            d += delta[d3 + j] * t
        before[e0 + i], before[e1 + i], before[e2 + i], before[e3 + i] = a, b, c, d


@inner
def input_gradient(delta: Any, n: int, inputs: int, outputs: int, theta: Any, w0: int, before: Any) -> None:
    """Set the gradient with respect to the inputs (n, inputs), in `before`, to delta (n, outputs) Wᵀ."""
    if uses_blas(n, inputs, outputs):
        d = delta[: n * outputs].reshape(n, outputs)
        np.dot(d, theta[w0 : w0 + inputs * outputs].reshape(inputs, outputs).T, before[: n * inputs].reshape(n, inputs))
        return
    r = U(0)
    while r + U(4) <= n:
        _input_gradient_four(delta, r * outputs, inputs, outputs, theta, w0, before, r * inputs)
        r += U(4)
    zero = theta.dtype.type(0)
    while r < n:
        for i in range(inputs):
            a = zero
            for j in range(outputs):
                a += delta[r * outputs + j] * theta[w0 + i * outputs + j]
            before[r * inputs + i] = a
        r += U(1)


@inner
def weight_gradient(buffer: Any, x0: int, n: int, inputs: int, outputs: int, delta: Any, matrix: Any) -> None:
    """Set the gradient of W (inputs, outputs), in `matrix`, to xᵀ delta."""
    if uses_blas(n, inputs, outputs):
        x = buffer[x0 : x0 + n * inputs].reshape(n, inputs)
        np.dot(x.T, delta[: n * outputs].reshape(n, outputs), matrix[: inputs * outputs].reshape(inputs, outputs))
        return
    zero = delta.dtype.type(0)
    for i in range(inputs):
        m = i * outputs
        r = U(0)
        if n < U(4):
            for j in range(outputs):
                matrix[m + j] = zero
        while r + U(4) <= n:
            xa = x0 + r * inputs + i
            xb = xa + inputs
            xc, xd = xb + inputs, xb + U(2) * inputs
            a, b, c, d = buffer[xa], buffer[xb], buffer[xc], buffer[xd]
            d0 = r * outputs
            d1, d2, d3 = d0 + outputs, d0 + U(2) * outputs, d0 + U(3) * outputs
            if r == U(0):
                for j in range(outputs):
                    matrix[m + j] = a * delta[d0 + j] + b * delta[d1 + j] + c * delta[d2 + j] + d * delta[d3 + j]
            else:
                for j in range(outputs):
                    matrix[m + j] += a * delta[d0 + j] + b * delta[d1 + j] + c * delta[d2 + j] + d * delta[d3 + j]
            r += U(4)
        while r < n:
            a, d0 = buffer[x0 + r * inputs + i], r * outputs
            for j in range(outputs):
                matrix[m + j] += a * delta[d0 + j]
            r += U(1)


@inner
def backward_four_sgd(
    buffer: Any, x0: int, inputs: int, outputs: int, theta: Any, w0: int, delta: Any, before: Any, lr: Any, shrink: Any
) -> None:
    """Do both gradients of a minibatch of four and the SGD step of W in one pass over W.

    W becomes shrink · W - lr xᵀ delta; `before` (4, inputs) is delta Wᵀ with W as it was.
    """
    x1, x2, x3 = x0 + inputs, x0 + U(2) * inputs, x0 + U(3) * inputs
    d1, d2, d3 = outputs, U(2) * outputs, U(3) * outputs
    zero = theta.dtype.type(0)
    i = U(0)
    while i + U(2) <= inputs:
        wa = w0 + i * outputs
        wb = wa + outputs
        p0, p1, p2, p3 = lr * buffer[x0 + i], lr * buffer[x1 + i], lr * buffer[x2 + i], lr * buffer[x3 + i]
        q0, q1, q2, q3 = (
            lr * buffer[x0 + i + U(1)],
            lr * buffer[x1 + i + U(1)],
            lr * buffer[x2 + i + U(1)],
            lr * buffer[x3 + i + U(1)],
        )
        a0 = a1 = a2 = a3 = zero
        b0 = b1 = b2 = b3 = zero
        for j in range(outputs):
            e0, e1, e2, e3 = delta[j], delta[d1 + j], delta[d2 + j], delta[d3 + j]
            t, u = theta[wa + j], theta[wb + j]
            a0 += e0 * t
            a1 += e1 * t
            a2 += e2 * t
            a3 += e3 * t
            b0 += e0 * u
            b1 += e1 * u
            b2 += e2 * u
            b3 += e3 * u
            theta[wa + j] = shrink * t - (p0 * e0 + p1 * e1 + p2 * e2 + p3 * e3)
            theta[wb + j] = shrink * u - (q0 * e0 + q1 * e1 + q2 * e2 + q3 * e3)
        before[i], before[inputs + i], before[U(2) * inputs + i], before[U(3) * inputs + i] = a0, a1, a2, a3
        before[i + 1], before[inputs + i + U(1)], before[2 * inputs + i + U(1)], before[3 * inputs + i + U(1)] = (
            b0,
            b1,
            b2,
            b3,
        )
        i += U(2)
    if i < inputs:
        wa = w0 + i * outputs
        p0, p1, p2, p3 = lr * buffer[x0 + i], lr * buffer[x1 + i], lr * buffer[x2 + i], lr * buffer[x3 + i]
        a0 = a1 = a2 = a3 = zero
        for j in range(outputs):
            e0, e1, e2, e3 = delta[j], delta[d1 + j], delta[d2 + j], delta[d3 + j]
            t = theta[wa + j]
            a0 += e0 * t
            a1 += e1 * t
            a2 += e2 * t
            a3 += e3 * t
            theta[wa + j] = shrink * t - (p0 * e0 + p1 * e1 + p2 * e2 + p3 * e3)
        before[i], before[inputs + i], before[U(2) * inputs + i], before[U(3) * inputs + i] = a0, a1, a2, a3
