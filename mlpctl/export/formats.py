"""Name what a trial can be written as."""

from typing import Literal

Framework = Literal["numpy", "pytorch"]
"""What a program is written with."""

ExportTo = Literal["numpy", "pytorch", "safetensors"]
