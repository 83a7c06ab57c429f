"""The gradients written by hand against autograd."""

from typing import get_args

import numpy as np
import pytest
import torch

from mlpctl.data.prepare import prepare
from mlpctl.engines.initial_weights import initial_weights
from mlpctl.models import autograd, build_network, concise, function, manual, numpy, scratch
from mlpctl.models.autograd import loss as autograd_loss
from mlpctl.models.losses import loss_and_gradient
from mlpctl.models.manual import Manual
from mlpctl.spec import Activation, Loss
from tests.helpers.making import classes, numbers, resolved

NUMERIC = ("mse", "half_mse", "huber", "l1")


def test_every_implementation_has_every_activation() -> None:
    for implementation in (numpy, manual, autograd, function, scratch, concise):
        assert set(implementation.ACTIVATIONS) == {*get_args(Activation), "step"}


@pytest.mark.parametrize("loss", get_args(Loss))
@pytest.mark.parametrize("activation", get_args(Activation))
def test_gradients_by_hand_are_those_of_autograd(activation: str, loss: str) -> None:
    """Every activation and loss, with batch normalization and dropout, for one and for several outputs."""
    made = [classes(2), classes(3)] + ([numbers(2)] if loss in NUMERIC else [])
    for dataset in made:
        fields = {"batch_norm": "1", "dropout": 0.3, "widths": "7,6", "init": "xavier_normal", "dtype": "float64"}
        spec = resolved(
            dataset, activation=activation, loss=loss, huber_delta=0.7 if loss == "huber" else None, **fields
        )
        data = prepare(dataset, spec)
        network = build_network(spec, data)
        model = Manual(network, spec, initial_weights(network, spec), "cpu")
        X, y = torch.from_numpy(np.asarray(data.X)[:16]), torch.from_numpy(data.y[:16])
        masks = [torch.rand(16, 7, generator=torch.manual_seed(1)) > 0.3, None, None]

        z, seen = model.forward(X, masks)
        losses, gradient = loss_and_gradient(network, z, y)
        by_hand = model.backward(gradient, seen, masks)

        parameters = {
            name: tensor.clone().requires_grad_() for name, tensor in model.tensors.items() if name in by_hand
        }
        model.tensors = {**model.tensors, **parameters}
        z, _ = model.forward(X, masks)
        oracle = autograd_loss(network, z, y)
        oracle.sum().backward()  # type: ignore[no-untyped-call]

        torch.testing.assert_close(losses, oracle.detach(), rtol=1e-9, atol=1e-12)
        for name, tensor in parameters.items():
            assert tensor.grad is not None
            scale = float(tensor.grad.abs().max())
            error = float((by_hand[name] - tensor.grad).abs().max())
            assert error <= 1e-9 * max(scale, 1e-3), f"{name}: {error:.2e} of {scale:.2e}"
