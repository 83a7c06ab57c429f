"""Step 7: rows -> what can be concluded -> terminal, Markdown, CSV, JSON, figures. Imports no torch."""
