"""Matrix products into place: of two matrices, or of stacks of them; and in which precision."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch

from mlpctl.engines.precision import Precision

if TYPE_CHECKING:
    from torch import Tensor


def affine(a: "Tensor", b: "Tensor", bias: "Tensor | None", out: "Tensor", *, half: bool) -> None:
    """Fill `out` with a b + bias, of matrices, or of stacks (n, ·, ·); the bias is a row, or a stack of rows."""
    if half or bias is None:
        matrix_product(a, b, out, half=half)
        if bias is not None:
            out += bias
    elif out.dim() == 2:
        torch.addmm(bias[0], a, b, out=out)  # a vector: CUDA adds it inside of the product
    else:
        torch.baddbmm(bias, a, b, out=out)


def matrix_product(a: "Tensor", b: "Tensor", out: "Tensor", *, half: bool) -> None:
    """Fill `out` with a b."""
    if half:  # sums are float32 inside the product, and rounded once
        out.copy_(torch.matmul(a.bfloat16(), b.bfloat16()))
    elif out.dim() == 2:
        torch.mm(a, b, out=out)
    else:
        torch.bmm(a, b, out=out)


def accumulate(a: "Tensor", b: "Tensor", into: "Tensor", *, half: bool) -> None:
    """Add a b to `into`: a step of SGD in one pass over the weights, where b is the step's share of the gradient."""
    if half:
        into += torch.matmul(a.bfloat16(), b.bfloat16())
    elif into.dim() == 2:
        into.addmm_(a, b)
    else:
        into.baddbmm_(a, b)


@contextmanager
def in_precision(precision: Precision) -> Iterator[None]:
    """Let CUDA multiply float32 matrices as IEEE has it, or on tensor cores with 10 bits of mantissa (tf32)."""
    matmul = torch.backends.cuda.matmul
    before = matmul.fp32_precision, matmul.allow_bf16_reduced_precision_reduction
    matmul.fp32_precision = "tf32" if precision == "tf32" else "ieee"
    matmul.allow_bf16_reduced_precision_reduction = False  # parts of a sum are added up in float32 too
    try:
        yield
    finally:
        matmul.fp32_precision, matmul.allow_bf16_reduced_precision_reduction = before
