"""Two results folders, two trials, or a trial and its repetition, side by side."""
