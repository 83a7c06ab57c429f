"""Step 2: which trials to run. A search is asked for proposals and told what became of them.

Step 2a, `axes`: an axis is one hyperparameter with the values it takes.
"""
