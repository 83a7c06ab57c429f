"""Name the precisions of float32 products in the engine lanes; weights and everything else stay float32."""

from typing import Literal

Precision = Literal["fp32", "tf32", "bf16"]
"""IEEE float32; TF32 on tensor cores (10 bits of mantissa, CUDA alone); bfloat16 (7 bits) with float32 sums."""
