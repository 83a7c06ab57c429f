"""List the nine exercises of Dive into Deep Learning 5.2: plain data, so that `--help` imports nothing behind it."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Literal

from mlpctl.errors import UsageError, did_you_mean

SOURCE = "Zhang, Lipton, Li, Smola: Dive into Deep Learning, section 5.2"
"""https://d2l.ai/chapter_multilayer-perceptrons/mlp-implementation.html"""


@dataclass(frozen=True)
class Effect:
    """The claim of what one value of the axis changes against another: values by name or by place in their order."""

    value: str
    base: str
    metric: str = "val_accuracy"
    along: Literal["first", "last"] = "last"


@dataclass(frozen=True)
class Exercise:
    """One exercise: what is trained or measured, and what is claimed from the numbers.

    A claim is an `Effect`, or a function of `measured` or `claims` by name: from the study to a sentence, "" where
    there is nothing to claim.

    Attributes:
        title: in two or three words.
        question: in our words; `experiments/exercise-NUMBER.toml`, whose trials are compared, begins with it.
        axis: hyperparameter whose values are compared.
        answer: claims that answer the question.
        evidence: claims that the answer rests on.
        certainty: claims on how sure it is.
        next_step: claims on what to try next.
        along: second axis of the experiment, at whose largest value the first is compared, or each at its own best.
        at_own_best: whether each value is compared at its own best value of the second axis.
        apart: values of the axis that are in the table and not in the comparison.
        means: further columns of the table: means over the seeds.
        plot: what is drawn along x: the axis, the second axis, the seeds, or what was measured.
        measured: module that measures something in place of training the experiment, or beside it.
    """

    title: str
    question: str
    axis: str
    answer: tuple[str | Effect, ...]
    evidence: tuple[str | Effect, ...]
    certainty: tuple[str, ...] = ("winner_optimism", "test_score", "failed_trials")
    next_step: tuple[str, ...] = ()
    along: str = ""
    at_own_best: bool = False
    apart: tuple[str, ...] = ()
    means: tuple[str, ...] = ()
    plot: Literal["axis", "along", "seeds", "measured"] = "axis"
    measured: str = ""

    def function(self, name: str) -> Callable[..., Any]:
        """Return a function by name: of the module that measures, else of those that all exercises share."""
        modules = [
            import_module(f"mlpctl.textbook.exercises.{name}") for name in (self.measured, "claims", "sweeps") if name
        ]
        function: Callable[..., Any] = next(vars(module)[name] for module in modules if name in vars(module))
        return function


EXERCISES = {
    "5.2.1": Exercise(
        "hidden units",
        "How does the number of hidden units affect the accuracy, and which number is best?",
        axis="hidden_units",
        answer=("best_value",),
        evidence=(
            "fewest_as_good",
            Effect("middle", "first"),
            Effect("last", "middle"),
            Effect("last", "first", "lead"),
        ),
        means=("parameters", "train_accuracy", "seconds"),
    ),
    "5.2.2": Exercise(
        "one more layer",
        "How does one more hidden layer affect the results?",
        axis="hidden_layers",
        along="epochs",
        answer=(Effect("second", "first"),),
        evidence=(
            Effect("second", "first", along="first"),
            Effect("second", "first", "val_loss"),
            "price_of_second",
            "best_value",
        ),
        means=("val_loss", "parameters", "seconds"),
        plot="along",
    ),
    "5.2.3": Exercise(
        "a single neuron",
        "Why is a hidden layer of one neuron a bad idea, and what can go wrong?",
        axis="hidden_units",
        answer=(Effect("first", "last"),),
        evidence=("bottleneck", "dead_units", "nearly_dead_units", "living_units"),
        certainty=("failed_trials",),
        means=("classes", "dead", "dead_at_start", "active", "first_direction"),
        plot="seeds",
        measured="neuron",  # trains the experiment, and reads these off the trained weights
    ),
    "5.2.4": Exercise(
        "learning rate",
        "Which learning rate gives the best results, and how does that depend on the number of epochs?",
        axis="lr",
        along="epochs",
        answer=("best_value",),
        evidence=("best_along", "shift_of_best", "gains"),
        next_step=("beyond_edge",),
    ),
    "5.2.5": Exercise(
        "all together",
        "What is the best result over learning rate, epochs, hidden layers and hidden units jointly, why is the search "
        "harder, and which strategy is efficient?",
        axis="strategy",
        answer=("best_found",),
        evidence=("size_and_cost", "interactions", "strategies_compared", "against_grid", "share_of_budget"),
        certainty=(),
        plot="measured",
        measured="strategies",  # each strategy searches with the budget of the experiment's grid
    ),
    "5.2.6": Exercise(
        "speed",
        "How fast are the framework, the implementation from scratch and the compiled kernel as the network grows?",
        axis="implementation",
        along="hidden_units",
        answer=("fastest_when_small", "fastest_when_large"),
        evidence=("crossovers", "limiting_resources", "growth"),
        certainty=("noisy_times",),
        plot="measured",
        measured="step_times",  # seconds of a training step, as `bench train` times it; no experiment
    ),
    "5.2.7": Exercise(
        "aligned matrices",
        "Are matrix products of well-aligned sizes faster than misaligned ones, and how wide is the memory bus?",
        axis="n",
        answer=("misaligned_sizes",),
        evidence=("memory_bus",),
        certainty=("noisy_timings",),
        plot="measured",
        measured="matrix_sizes",  # seconds of a matrix product, as `bench matmul` times it; no experiment
    ),
    "5.2.8": Exercise(
        "activations",
        "Which activation function is best?",
        axis="activation",
        along="lr",
        at_own_best=True,
        answer=("best_value",),
        evidence=("best_along", Effect("relu", "identity")),
    ),
    "5.2.9": Exercise(
        "initial weights",
        "Does it matter how the weights are initialized?",
        axis="init",
        along="epochs",
        apart=("zeros", "constant"),  # all hidden units start equal, get equal gradients and stay equal
        answer=("init_matters",),
        evidence=("best_value", "distance_along", "equal_units"),
    ),
}


def exercise_of(number: str) -> Exercise:
    """Return an exercise by its number.

    Raises:
        UsageError: if there is no such exercise.
    """
    if number not in EXERCISES:
        raise UsageError(f"no exercise '{number}': {did_you_mean(number, EXERCISES)}")
    return EXERCISES[number]
