"""Formats of other programs: OTLP, TensorBoard event files, traces, CSV."""
