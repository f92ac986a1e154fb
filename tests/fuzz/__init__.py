"""Fuzzing of the readers of files: mutations of good files, drawn from a seed."""
