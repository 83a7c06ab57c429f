"""List the nine exercises of Dive into Deep Learning 5.2 as plain data: `--help` imports nothing more."""

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
    """One exercise: its experiment or measurement, and the claims that are made from the numbers.

    A claim is an `Effect`, or a function of `measured` or `claims` by name: from the study to a sentence, "" where
    there is nothing to claim.
    """

    title: str  # in two or three words
    question: str  # in our words; `experiments/exercise-NUMBER.toml`, whose trials are compared, begins with it
    axis: str  # hyperparameter whose values are compared
    claims: tuple[str | Effect, ...]  # in the order of reading: answer, evidence, certainty, next step
    along: str = ""  # second axis of the experiment, at whose largest value the first is compared, …
    at_own_best: bool = False  # … or each value at its own best value of the second axis
    apart: tuple[str, ...] = ()  # values of the axis that are in the table and not in the comparison
    means: tuple[str, ...] = ()  # further columns of the table: means over the seeds
    plot: Literal["axis", "along", "seeds", "measured"] = "axis"  # along x: an axis, the seeds, or what was measured
    measured: str = ""  # module that measures something in place of training the experiment, or beside it

    def function(self, name: str) -> Callable[..., Any]:
        """Return a function by name: of the module that measures, else of those that all exercises share."""
        modules = [
            import_module(f"mlpctl.textbook.exercises.{name}") for name in (self.measured, "claims", "sweeps") if name
        ]
        function: Callable[..., Any] = next(vars(module)[name] for module in modules if name in vars(module))
        return function


CERTAINTY = ("winner_optimism", "test_score", "failed_trials")

EXERCISES = {
    "5.2.1": Exercise(
        "hidden units",
        "How does the number of hidden units affect the accuracy, and which number is best?",
        axis="hidden_units",
        claims=("best_value", "fewest_as_good", Effect("middle", "first"), Effect("last", "middle"),
                Effect("last", "first", "lead"), *CERTAINTY),
        means=("parameters", "train_accuracy", "seconds"),
    ),
    "5.2.2": Exercise(
        "one more layer",
        "How does one more hidden layer affect the results?",
        axis="hidden_layers",
        along="epochs",
        claims=(Effect("second", "first"), Effect("second", "first", along="first"),
                Effect("second", "first", "val_loss"), "price_of_second", "best_value", *CERTAINTY),
        means=("val_loss", "parameters", "seconds"),
        plot="along",
    ),
    "5.2.3": Exercise(
        "a single neuron",
        "Why is a hidden layer of one neuron a bad idea, and what can go wrong?",
        axis="hidden_units",
        claims=(Effect("first", "last"), "bottleneck", "dead_units", "nearly_dead_units", "living_units",
                "failed_trials"),
        means=("classes", "dead", "dead_at_start", "active", "first_direction"),
        plot="seeds",
        measured="neuron",  # trains the experiment, and reads these off the trained weights
    ),
    "5.2.4": Exercise(
        "learning rate",
        "Which learning rate gives the best results, and how does that depend on the number of epochs?",
        axis="lr",
        along="epochs",
        claims=("best_value", "best_along", "shift_of_best", "gains", *CERTAINTY, "beyond_edge"),
    ),
    "5.2.5": Exercise(
        "all together",
        "What is the best result over learning rate, epochs, hidden layers and hidden units jointly, why is the search "
        "harder, and which strategy is efficient?",
        axis="strategy",
        claims=("best_found", "size_and_cost", "interactions", "strategies_compared", "against_grid",
                "share_of_budget"),
        plot="measured",
        measured="strategies",  # each strategy searches with the budget of the experiment's grid
    ),
    "5.2.6": Exercise(
        "speed",
        "How fast are the framework, the implementation from scratch and the compiled kernel as the network grows?",
        axis="implementation",
        along="hidden_units",
        claims=("fastest_when_small", "fastest_when_large", "crossovers", "limiting_resources", "growth",
                "noisy_times"),
        plot="measured",
        measured="step_times",  # seconds of a training step, as `bench train` times it; no experiment
    ),
    "5.2.7": Exercise(
        "aligned matrices",
        "Are matrix products of well-aligned sizes faster than misaligned ones, and how wide is the memory bus?",
        axis="n",
        claims=("misaligned_sizes", "memory_bus", "noisy_timings"),
        plot="measured",
        measured="matrix_sizes",  # seconds of a matrix product, as `bench matmul` times it; no experiment
    ),
    "5.2.8": Exercise(
        "activations",
        "Which activation function is best?",
        axis="activation",
        along="lr",
        at_own_best=True,
        claims=("best_value", "best_along", Effect("relu", "identity"), *CERTAINTY),
    ),
    "5.2.9": Exercise(
        "initial weights",
        "Does it matter how the weights are initialized?",
        axis="init",
        along="epochs",
        apart=("zeros", "constant"),  # all hidden units start equal, get equal gradients and stay equal
        claims=("init_matters", "best_value", "distance_along", "equal_units", *CERTAINTY),
    ),
}  # fmt: skip


def exercise_of(number: str) -> Exercise:
    """Return an exercise by its number.

    Raises:
        UsageError: if there is no such exercise.
    """
    return EXERCISES[exercise_number(number)]


def exercise_number(text: str) -> str:
    """Return the number of an exercise, of which the last part is enough: 1 is 5.2.1.

    Raises:
        UsageError: if there is no such exercise.
    """
    for number in (text, f"5.2.{text}"):
        if number in EXERCISES:
            return number
    raise UsageError(f"no exercise '{text}': {did_you_mean(text, EXERCISES)}")
