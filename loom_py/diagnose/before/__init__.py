"""Faults of a training run that its data and options show before the first step."""
