"""mlpctl: what does this hyperparameter do to this small network?"""

from mlpctl.blas import use_wide_kernels

use_wide_kernels()

__version__ = "0.1.0"
