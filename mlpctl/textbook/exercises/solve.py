"""Solve an exercise: train its experiment or measure, build the answer from the claims, and write it to a folder."""

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from mlpctl.display.tables import Table, to_text
from mlpctl.errors import DataError, TrialsFailed, UsageError
from mlpctl.report.figures.plot import Plot
from mlpctl.system.facts import cpu_model, usable_cores
from mlpctl.system.files import write_output
from mlpctl.textbook.exercises.catalog import SOURCE, Effect, Exercise, exercise_of
from mlpctl.textbook.exercises.claims import effect_of_value
from mlpctl.textbook.exercises.collect import STAND_IN, ExerciseOptions, experiment_path

if TYPE_CHECKING:
    import pandas as pd

ANSWER_FILE, TABLE_FILE, PLOT_FILE = "answer.md", "table.csv", "plot.png"
ANSWERABLE = ("ok", "diverged")
"""Statuses that are results of an exercise: a learning rate that diverges is part of the answer."""


@dataclass(frozen=True)
class Solution:
    """The answer to an exercise.

    Attributes:
        sentences: its claims: the answer, the evidence, how sure it is, what to try next.
        table: the numbers behind them.
        plot: their plot.
        note: line on the data where another dataset than the book's was used, or "".
        source: lines on the source, the data, the machine and the command.
    """

    sentences: tuple[str, ...]
    table: Table
    plot: Plot
    note: str = ""
    source: tuple[str, ...] = ()


def solve(options: ExerciseOptions) -> Solution:
    """Return the answer to an exercise, which is also written to its folder; nothing is trained or measured twice.

    Raises:
        UsageError: for an unknown exercise, invalid seeds, or options of data where none are read.
        TrialsFailed: if trials crashed; the answer, over the others, is written.
        MlpctlError: see `mlpctl.runner.loop.run`.
    """
    exercise = exercise_of(options.number)
    if options.data and not experiment_path(options.number).is_file():
        raise UsageError(f"exercise {options.number} reads no dataset: leave --data out")
    data = exercise.function("collect_data")(options)
    solution = replace(solution_of(exercise, data), note=_stand_in_note(data))
    command = f"mlpctl exercise {options.number}"
    command += f" --effort {options.effort}" if options.effort != "default" else ""
    command += f" --seeds {options.seeds}" if options.seeds is not None else ""
    command += "".join(f" --data {shlex.quote(f'{name}={value}')}" for name, value in options.data.items())
    source = f"{SOURCE}, exercise {options.number.rpartition('.')[2]}."
    title = f"Exercise {options.number}: {exercise.title}"
    solution = replace(solution, source=(source, *_measured_on(data), f"Run: `{command}`"))
    _write(solution, options.folder, title=title, question=exercise.question)
    bad = data[~data["status"].isin(ANSWERABLE)] if "status" in data else data.iloc[:0]
    if len(bad):
        raise TrialsFailed(f"{len(bad)} of {len(data)} trials failed: {bad['error'].iloc[0]}")
    return solution


def solve_all(asked: Sequence[ExerciseOptions], html: Path | None) -> Iterator[tuple[ExerciseOptions, Solution]]:
    """Yield the answers to exercises as they come; trials that failed end the command after the last one.

    Args:
        asked: the exercises.
        html: file of one page with all answers, written again with each, so that none is lost; None for none.

    Raises:
        TrialsFailed: if trials of some exercise failed.
        UsageError, DataError: see `solve`.
    """
    from mlpctl.textbook.exercises.page import write_answers

    problems: list[str] = []
    answers: dict[str, Solution] = {}
    if len(asked) > 1 and any(options.data for options in asked):
        raise UsageError("--data is for one exercise: some of them read no dataset")
    for options in asked:
        try:
            answers[options.number] = solve(options)
        except TrialsFailed as error:
            if len(asked) == 1:
                raise
            problems.append(f"{options.number}: {error}")
            continue
        if html is not None:
            write_answers(answers, html)
        yield options, answers[options.number]
    if problems:
        raise TrialsFailed("; ".join(problems))


def solution_of(exercise: Exercise, data: "pd.DataFrame") -> Solution:
    """Return the answer to an exercise from its trials or measurements."""
    study = exercise.function("build_study")(data, exercise)

    def sentence(claim: str | Effect) -> str:
        return effect_of_value(study, claim) if isinstance(claim, Effect) else exercise.function(claim)(study)

    sure = " ".join(filter(None, map(sentence, exercise.certainty)))
    sentences = (
        sentence(exercise.answer),
        *filter(None, map(sentence, exercise.evidence)),
        *([f"How sure: {sure}"] if sure else []),
        f"Try next: {exercise.next_step}",
    )
    return Solution(sentences, exercise.function("answer_table")(study), exercise.function("answer_plot")(study))


def answer_lines(solution: Solution) -> tuple[str, ...]:
    """Return the paragraphs of an answer: line 1 is the answer, then the note on the data, then the rest."""
    first, *rest = solution.sentences
    return (first, *([solution.note] if solution.note else []), *rest)


def _stand_in_note(data: "pd.DataFrame") -> str:
    if "dataset" not in data or STAND_IN not in set(data["dataset"]):
        return ""
    return (
        f"This answer is about {STAND_IN}: Fashion-MNIST, which the book uses, is not on this machine and cannot be "
        "fetched (`mlpctl data fetch fashion-mnist` says why)."
    )


def _measured_on(data: "pd.DataFrame") -> list[str]:
    """Return lines on the data, the seeds and the machine."""
    lines = []
    if "dataset" in data and "seed" in data and len(data):
        seeds, changed = data["seed"].nunique(), data["data"].dropna().unique()
        of = f" with {', '.join(map(str, changed))}" if len(changed) else ""
        lines.append(f"{len(data)} trials on {data['dataset'].iloc[0]}{of}, {seeds} seed{'s' if seeds > 1 else ''}.")
    return [*lines, f"Measured on {cpu_model()}, {usable_cores()} cores."]


def _write(solution: Solution, folder: Path, *, title: str, question: str) -> None:
    """Write the answer as Markdown with its table, the table as CSV and the plot as PNG.

    Raises:
        DataError: if the folder cannot be written.
    """
    from mlpctl.display.figure_style import save
    from mlpctl.report.figures.draw import draw

    text = f"# {title}\n\n*{question}*\n\n" + "\n\n".join(answer_lines(solution)) + f"\n\n![{title}]({PLOT_FILE})\n\n"
    text += to_text([solution.table], "md") + "\n" + "".join(f"- {line}\n" for line in solution.source)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_output(folder / ANSWER_FILE, text.encode())
        write_output(folder / TABLE_FILE, to_text([solution.table], "csv").encode())
    except OSError as error:
        raise DataError(f"cannot write {folder}: {error.strerror}") from error
    save(draw(solution.plot), folder / PLOT_FILE)
