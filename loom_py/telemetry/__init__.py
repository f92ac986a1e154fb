"""Measurement: statistics declared once, recorded into Programs, read back, made into records, dispatched."""
