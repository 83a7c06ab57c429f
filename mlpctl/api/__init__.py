"""mlpctl in Python, for notebooks: what the commands do, with DataFrames and figures in place of files and tables."""
