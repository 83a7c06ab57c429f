"""The exercises of Dive into Deep Learning, section 5.2: plain data, so that `--help` imports nothing behind it."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from mlpctl.errors import UsageError, did_you_mean

SOURCE = "Zhang, Lipton, Li, Smola: Dive into Deep Learning, section 5.2"
"""https://d2l.ai/chapter_multilayer-perceptrons/mlp-implementation.html"""


@dataclass(frozen=True)
class Exercise:
    """One exercise.

    Attributes:
        title: in two or three words.
        question: in our words.
        module: has `answer`, from the table of results to an Answer, and `measure`, from a Setting to that table,
            where training the experiment of the exercise is not all there is to measure.
    """

    title: str
    question: str
    module: str

    def function(self, name: str, otherwise: Callable[..., Any] | None = None) -> Callable[..., Any]:
        """Return a function of the exercise's module, or `otherwise`."""
        return getattr(import_module(f"mlpctl.textbook.exercises.{self.module}"), name, otherwise)  # type: ignore[return-value]


EXERCISES = {
    "5.2.1": Exercise(
        "hidden units",
        "How does the number of hidden units affect the accuracy, and which number is best?",
        "hidden_units",
    ),
    "5.2.2": Exercise("one more layer", "How does one more hidden layer affect the results?", "depth"),
    "5.2.3": Exercise(
        "a single neuron", "Why is a hidden layer of one neuron a bad idea, and what can go wrong?", "single_neuron"
    ),
    "5.2.4": Exercise(
        "learning rate",
        "Which learning rate gives the best results, and how does that depend on the number of epochs?",
        "learning_rate",
    ),
    "5.2.5": Exercise(
        "all together",
        "What is the best result over learning rate, epochs, hidden layers and hidden units jointly, why is the search "
        "harder, and which strategy is efficient?",
        "joint_search",
    ),
    "5.2.6": Exercise(
        "speed",
        "How fast are the framework, the implementation from scratch and the compiled kernel as the network grows?",
        "step_time",
    ),
    "5.2.7": Exercise(
        "aligned matrices",
        "Are matrix products of well-aligned sizes faster than misaligned ones, and how wide is the memory bus?",
        "alignment",
    ),
    "5.2.8": Exercise("activations", "Which activation function is best?", "activations"),
    "5.2.9": Exercise("initial weights", "Does it matter how the weights are initialized?", "initial_weights"),
}


def exercise_of(number: str) -> Exercise:
    """Return an exercise by its number.

    Raises:
        UsageError: if there is no such exercise.
    """
    if number not in EXERCISES:
        raise UsageError(f"no exercise '{number}': {did_you_mean(number, EXERCISES)}")
    return EXERCISES[number]
