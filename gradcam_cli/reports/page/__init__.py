"""The report's page: its template, style and script, and what stands on it."""
