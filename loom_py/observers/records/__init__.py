"""Records kept in memory and in recording files: rows, buffer, comparison, strict JSON."""
