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

    A claim is an `Effect`, or a function by name (see `function`): from the study to a sentence, "" where there is
    nothing to claim. An answer is read in this order: answer, evidence, certainty, next step.
    """

    title: str  # in two or three words
    question: str  # in our words; `experiments/exercise-NUMBER.toml`, whose trials are compared, begins with it
    axis: str  # hyperparameter whose values are compared
    answer: str  # claim: the answer in one sentence
    evidence: tuple[str | Effect, ...]  # claims: the numbers behind it
    certainty: tuple[str, ...]  # claims: how sure it is
    next_step: str  # what to try next, with its command
    along: str = ""  # second axis of the experiment, at whose largest value the first is compared, …
    at_own_best: bool = False  # … or each value at its own best value of the second axis
    apart: tuple[str, ...] = ()  # values of the axis that are in the table and not in the comparison
    means: tuple[str, ...] = ()  # further columns of the table: means over the seeds
    plot: Literal["axis", "along", "seeds", "measured"] = "axis"  # along x: an axis, the seeds, or what was measured
    measured: str = ""  # module that measures something in place of training the experiment, or beside it

    def function(self, name: str) -> Callable[..., Any]:
        """Return a function by name: of the module that measures, else of those that exercises share."""
        places = (self.measured, "answers", "claims", "strategy_claims", "sweeps")
        modules = (import_module(f"mlpctl.textbook.exercises.{name}") for name in places if name)
        function: Callable[..., Any] = next(vars(module)[name] for module in modules if name in vars(module))
        return function


CERTAINTY = ("tested", "winner_optimism", "test_score", "failed_trials")

EXERCISES = {
    "5.2.1": Exercise(
        "hidden units",
        "How does the number of hidden units affect the accuracy, and which number is best?",
        axis="hidden_units",
        answer="units_answer",
        evidence=("gain_per_doubling", "best_value", "fewest_as_good", Effect("last", "first", "lead")),
        certainty=CERTAINTY,
        next_step="`mlpctl exercise 5.2.1 --effort thorough` goes on to 4096 units, with ten seeds.",
        means=("parameters", "train_accuracy", "seconds"),
    ),
    "5.2.2": Exercise(
        "one more layer",
        "How does one more hidden layer affect the results?",
        axis="hidden_layers",
        along="epochs",
        answer="layers_answer",
        evidence=(Effect("second", "first"), Effect("second", "first", along="first"),
                  Effect("second", "first", "val_loss"), Effect("third", "second"), "price_of_second"),
        certainty=("tested", "failed_trials"),
        next_step="`mlpctl exercise 5.2.2 --effort thorough` has a fourth layer and 30 epochs.",
        means=("val_loss", "parameters", "seconds"),
        plot="along",
    ),
    "5.2.3": Exercise(
        "a single neuron",
        "Why is a hidden layer of one neuron a bad idea, and what can go wrong?",
        axis="hidden_units",
        answer="neuron_answer",
        evidence=(Effect("first", "last"), "bottleneck", "dead_units", "nearly_dead_units", "living_units"),
        certainty=("tested", "failed_trials"),
        next_step="another activation cannot die: `mlpctl sweep experiments/exercise-5.2.3.toml --set activation=tanh "
        "--name tanh`.",
        means=("classes", "dead", "dead_at_start", "active", "first_direction"),
        plot="seeds",
        measured="neuron",  # trains the experiment, and reads these off the trained weights
    ),
    "5.2.4": Exercise(
        "learning rate",
        "Which learning rate gives the best results, and how does that depend on the number of epochs?",
        axis="lr",
        along="epochs",
        answer="rate_answer",
        evidence=("best_value", "best_along", "shift_of_best", "gains"),
        certainty=(*CERTAINTY, "beyond_edge"),
        next_step="a rate that falls in training has the best of both: `mlpctl sweep experiments/exercise-5.2.4.toml "
        "--set lr_schedule=cosine --name cosine`.",
    ),
    "5.2.5": Exercise(
        "all together",
        "What is the best result over learning rate, epochs, hidden layers and hidden units jointly, why is the search "
        "harder, and which strategy is efficient?",
        axis="strategy",
        answer="joint_answer",
        evidence=("best_found", "size_and_cost", "interactions", "strategies_compared", "against_grid",
                  "share_of_budget"),
        certainty=("one_of_many",),
        next_step="`mlpctl exercise 5.2.5 --effort thorough` searches on all data, with ten searches each.",
        plot="measured",
        measured="strategies",  # each strategy searches with the budget of the experiment's grid
    ),
    "5.2.6": Exercise(
        "speed",
        "How fast are the framework, the implementation from scratch and the compiled kernel as the network grows?",
        axis="implementation",
        along="hidden_units",
        answer="speed_answer",
        evidence=("fastest_when_small", "fastest_when_large", "crossovers", "limiting_resources", "growth"),
        certainty=("noisy_times",),
        next_step="`mlpctl bench train --help` varies depth, minibatch and threads too.",
        plot="measured",
        measured="step_times",  # seconds of a training step, as `bench train` times it; no experiment
    ),
    "5.2.7": Exercise(
        "aligned matrices",
        "Are matrix products of well-aligned sizes faster than misaligned ones, and how wide is the memory bus?",
        axis="n",
        answer="alignment_answer",
        evidence=("misaligned_sizes", "memory_bus"),
        certainty=("noisy_timings",),
        next_step="`mlpctl bench matmul --help` times other sizes, dtypes and devices.",
        plot="measured",
        measured="matrix_sizes",  # seconds of a matrix product, as `bench matmul` times it; no experiment
    ),
    "5.2.8": Exercise(
        "activations",
        "Which activation function is best?",
        axis="activation",
        along="lr",
        at_own_best=True,
        answer="activation_answer",
        evidence=("best_value", "best_along", Effect("relu", "identity")),
        certainty=(*CERTAINTY, "own_best_at_edge"),
        next_step="deeper networks tell activations apart: `mlpctl sweep experiments/exercise-5.2.8.toml --set "
        "hidden_layers=3 --name deep`.",
    ),
    "5.2.9": Exercise(
        "initial weights",
        "Does it matter how the weights are initialized?",
        axis="init",
        along="epochs",
        apart=("zeros", "constant"),  # all hidden units start equal, get equal gradients and stay equal
        answer="init_answer",
        evidence=("init_matters", "best_value", "distance_along", "equal_units"),
        certainty=CERTAINTY,
        next_step="depth makes the scale matter more: `mlpctl sweep experiments/exercise-5.2.9.toml --set "
        "hidden_layers=5 --name deep`.",
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
