"""mlpctl: what does this hyperparameter do to this small network?"""

__version__ = "0.1.0"
