"""What a check tells: tables, JSON, CSV, JUnit, lines for GitHub."""
