"""Records in memory and in recording files: buffer, rows, file, comparison."""
