"""Open the trackers that a run is asked for, TensorBoard and MLflow, as one callback with the screen."""

from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

from mlpctl.runner.callbacks.base import Callback, Callbacks


@contextmanager
def tracked(screen: Callback, board: Path | None, mlflow: str | None, folder: Path) -> Iterator[Callback]:
    """Give the screen, together with TensorBoard and MLflow where they are asked for.

    Args:
        screen: callback that shows the notes of the others.
        board: folder for TensorBoard; None for none.
        mlflow: tracking URI or folder of MLflow; None for none.
        folder: results folder.

    Raises:
        UsageError: where one of them is not installed, or cannot be written.
    """
    with ExitStack() as stack:
        callbacks: list[Callback] = []
        if board is not None:
            from mlpctl.runner.callbacks.tensorboard import TensorBoard

            callbacks.append(stack.enter_context(closing(TensorBoard(board))))
        if mlflow is not None:
            from mlpctl.runner.callbacks.mlflow import Mlflow

            callbacks.append(stack.enter_context(closing(Mlflow(mlflow, folder, screen.on_note))))
        yield Callbacks(*callbacks, screen) if callbacks else screen
