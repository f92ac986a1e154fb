"""An observable neural network for the browser."""

__all__: list[str] = []
