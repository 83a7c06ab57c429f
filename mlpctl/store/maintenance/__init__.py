"""Looking after results folders: check, repair, merge, export. What `mlpctl results` calls."""
