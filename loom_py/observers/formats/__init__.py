"""Export formats: OTLP, TensorBoard event files, traces, CSV."""
