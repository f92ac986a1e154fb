"""Makes the golden files of `tests/golden/data` with PyTorch on the CPU; run it through `build/goldens.py`."""
