"""Train epochs of one trial in compiled code: the function that Python calls."""

import math
from typing import Any

import numpy as np

from mlpctl.engines.kernel import arguments as given
from mlpctl.engines.kernel.compiled.compiling import Function, U, entry, inner
from mlpctl.engines.kernel.compiled.denormals import flush_denormals, set_control
from mlpctl.engines.kernel.compiled.pointers import address, at, given_back, moved, number, taken
from mlpctl.engines.kernel.compiled.scoring import room, score
from mlpctl.engines.kernel.compiled.scratch import LINE, VV, on_a_line
from mlpctl.engines.kernel.compiled.threads import look
from mlpctl.engines.kernel.compiled.training import sizes, train
from mlpctl.engines.kernel.layout import BATCH


@inner
def _finite(numbers: Any, n: int) -> bool:
    nothing = number(numbers, 0)
    for k in range(n):
        nothing += numbers[k] * 0  # NaN for what is not finite; a sum is vectors, a way out of the loop would not be
    return math.isfinite(nothing)


def epochs_for(inputs: Any, dtype: Any) -> Function:
    """Return the function that trains for some epochs and scores what is due after each, to be compiled.

    It takes the address of a block, see `arguments`, and returns the epochs done, negative if the last diverged, or
    OUT_OF_MEMORY. The block holds:

        SPARSE, SCALED: whether the inputs are CSR, whether they are uint8.
        X: inputs (N, D), uint8 or the trial's dtype.
        SCALE, SHIFT: (D,) for uint8 inputs.
        VALUES, COLUMNS, STARTS: of a CSR matrix, int64 but for the values.
        LABELS: classes (N,) int32.
        TARGETS: (N, C).
        ROWS: int64.
        TABLE, REAL: see `layout`; TABLE has LAYERS rows, REAL is float64.
        WHOLE: see `layout`; not an address, but the entries themselves.
        THETA, STATS: N_THETA parameters and N_STATS running statistics, changed.
        FIRST: velocity or first moments like theta, if the optimizer has any.
        SECOND: mean or sum of squares like theta, if it has any.
        HALT: int64, looked at before each minibatch; set to other than 0, by any thread, it ends the epoch, which then
            counts as not done.
        ORDERS: rows (N_EPOCHS, N_ROWS) in the order in which they are visited.
        RATES: learning rates (N_EPOCHS, N_STEPS).
        STEPS_DONE: optimizer steps before.
        EPOCH: the first epoch's number.
        RESULTS: float64 (N_EPOCHS, N_RESULTS). Of each row is read
            DUE: a sum of 1, 2 and 4 where the validation, the test and the training part are scored;
            and set: LOSS, CORRECT: the sum of losses and the number of right predictions in training;
            SCORES: three times N_SCORES, zeros before, see `score`.
        AT_A_TIME: rows scored together.
        TASK: int64, of the threads that help, see `threads`.

    Args:
        inputs: numpy's type of the inputs.
        dtype: numpy's type of the arithmetic.
    """

    @entry
    def epochs(block: int) -> Any:
        control = flush_denormals()
        a = at(block, np.int64)
        sparse, scaled, layers = a[given.SPARSE] > 0, a[given.SCALED] > 0, U(a[given.LAYERS])
        X, values, targets = at(a[given.X], inputs), at(a[given.VALUES], dtype), at(a[given.TARGETS], dtype)
        scale, shift, labels = at(a[given.SCALE], dtype), at(a[given.SHIFT], dtype), at(a[given.LABELS], np.int32)
        columns, starts = at(a[given.COLUMNS], np.int64), at(a[given.STARTS], np.int64)
        orders, n_rows = at(a[given.ORDERS], np.int64), U(a[given.N_ROWS])
        table, whole, real = at(a[given.TABLE], np.uint64), moved(a, U(given.WHOLE)), at(a[given.REAL], np.float64)
        theta, stats = at(a[given.THETA], dtype), at(a[given.STATS], dtype)
        first, second, rates = at(a[given.FIRST], dtype), at(a[given.SECOND], dtype), at(a[given.RATES], dtype)
        halt = at(a[given.HALT], np.int64)
        results, task = at(a[given.RESULTS], np.float64), at(a[given.TASK], np.int64)
        steps, n_scores, at_a_time = U(a[given.N_STEPS]), U(a[given.N_SCORES]), U(a[given.AT_A_TIME])
        batch, offsets = min(U(whole[BATCH]), n_rows), taken(layers + U(1), np.uint64)
        size, widest, largest, deepest = sizes(table, layers, batch, sparse, offsets)
        needed = U(4) * size + (U(2) * batch + U(3)) * widest + largest + VV * deepest + U(4) * LINE
        at_once = min(at_a_time, U(max(a[given.ROWS + 1], a[given.ROWS + 3], a[given.ROWS + 5])))
        training = taken(needed if n_rows else U(0), dtype)
        scoring = taken(room(table, layers, sparse, at_once), dtype)
        done = np.int64(0)
        if address(offsets) == 0 or (address(training) == 0 and n_rows > 0) or address(scoring) == 0:
            done = np.int64(given.OUT_OF_MEMORY)
        epoch, steps_done, n_theta, n_stats = a[given.EPOCH], a[given.STEPS_DONE], a[given.N_THETA], a[given.N_STATS]
        for e in range(U(a[given.N_EPOCHS]) if done == 0 else U(0)):
            row = moved(results, e * U(a[given.N_RESULTS]))
            train(
                X, scaled, scale, shift, sparse, values, columns, starts, labels, targets, moved(orders, e * n_rows),
                n_rows, table, layers, whole, real, theta, stats, first, second, steps_done + np.int64(e * steps),
                moved(rates, e * steps), steps, epoch + np.int64(e), offsets, on_a_line(training), task,
                halt, moved(row, U(given.LOSS)),
            )  # fmt: skip
            if look(halt, U(0)) != 0:
                break
            for part in range(U(3)):
                if (np.int64(row[given.DUE]) >> np.int64(part)) & 1:
                    rows, n = at(a[given.ROWS + U(2) * part], np.int64), U(a[given.ROWS + U(2) * part + U(1)])
                    score(
                        X, scaled, scale, shift, sparse, values, columns, starts, labels, targets, rows, n, table,
                        layers, whole, real, theta, stats, at_a_time, on_a_line(scoring), task,
                        moved(row, U(given.SCORES) + part * n_scores),
                    )  # fmt: skip
            done += 1
            if not (math.isfinite(row[given.LOSS]) and _finite(theta, U(n_theta)) and _finite(stats, U(n_stats))):
                done = -done
                break
        given_back(offsets)
        given_back(training)
        given_back(scoring)
        set_control(control)
        return done

    return epochs
