"""Name what a trial can be written as."""

from typing import Literal

Framework = Literal["numpy", "pytorch"]
"""Frameworks that a program can be written with."""

ExportTo = Literal["numpy", "pytorch", "safetensors", "onnx"]
