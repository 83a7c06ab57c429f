"""Set the weights of logic gates by hand: perceptrons with class 1 where x·w + b > 0.

AND has w = (0.5, 0.5), b = -0.7; OR has b = -0.2; NAND and NOR are their negatives. XOR is no single perceptron: it
is AND(NAND, OR), two perceptrons and a third (after Minsky and Papert); XNOR is its negative.
"""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mlpctl.models.network import Layer

if TYPE_CHECKING:
    from mlpctl.spec import Spec

AND, OR = (0.5, 0.5, -0.7), (0.5, 0.5, -0.2)


def _negative(gate: tuple[float, float, float]) -> tuple[float, float, float]:
    return (-gate[0], -gate[1], -gate[2])


NAND, NOR = _negative(AND), _negative(OR)

GATE_UNITS: dict[str, tuple[tuple[tuple[float, float, float], ...], ...]] = {
    "and": ((AND,),),
    "or": ((OR,),),
    "nand": ((NAND,),),
    "nor": ((NOR,),),
    "xor": ((NAND, OR), (AND,)),
    "xnor": ((NAND, OR), (NAND,)),
}
"""Gate -> layers -> units (w1, w2, b)."""


def gate_name(spec: "Spec") -> str:
    """Return the name of the gate in the data of a spec."""
    return str(spec.data.get("gate", "and")).lower()


def gate_layers(spec: "Spec") -> tuple[Layer, ...]:
    """Return the layers of a gate: step activations between perceptrons, the last one's sum as output."""
    stages = GATE_UNITS[gate_name(spec)]
    return tuple(
        Layer(2, len(units), "identity" if number == len(stages) else "step")
        for number, units in enumerate(stages, start=1)
    )


def gate_weights(spec: "Spec") -> dict[str, NDArray[Any]]:
    """Return the weights of a gate by parameter name, of the spec's dtype."""
    weights = {}
    for number, units in enumerate(GATE_UNITS[gate_name(spec)]):
        table = np.array(units, dtype=spec.dtype)  # (outputs, 3)
        weights[f"{number}.weight"] = np.ascontiguousarray(table[:, :2].T)  # (2, outputs)
        weights[f"{number}.bias"] = table[:, 2].copy()
    return weights
