"""Executors: ways to run Programs."""
