"""Makes the demo's data from scikit-learn's handwritten digits: web/demo/public/digits.bin and digits.json.

digits.bin holds COUNT * 64 bytes of pixels (0..16, row by row) and then COUNT bytes of labels. The training images
come first, then the held-out ones; the split is drawn class by class with a fixed seed, so that every build gives
the same bytes.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_digits

OUT = Path(__file__).resolve().parent.parent / "web" / "demo" / "public"
SEED = 20
HELD_OUT_SHARE = 0.2

ABOUT = {
    "name": "Optical Recognition of Handwritten Digits, test part",
    "authors": "E. Alpaydin, C. Kaynak (Bogazici University, 1998)",
    "source": "UCI Machine Learning Repository, https://doi.org/10.24432/C50P49; copy in scikit-learn (load_digits)",
    "licence": "CC BY 4.0 (data, UCI); scikit-learn, which ships the copy, is under BSD-3-Clause",
    "changes": "Reordered into a training and a held-out part and packed into bytes; pixel values unchanged.",
    "note": "The held-out images may be of the same 13 writers as the training images: the copy does not name them.",
}


def split(labels: NDArray[np.int64], seed: int = SEED) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Shuffled indices of the training and the held-out images, each class in the same proportion."""
    generator = np.random.default_rng(seed)
    held_out = np.concatenate([_draw(np.flatnonzero(labels == label), generator) for label in np.unique(labels)])
    training = np.setdiff1d(np.arange(len(labels)), held_out)
    return generator.permutation(training), generator.permutation(held_out)


def _draw(indices: NDArray[np.int64], generator: np.random.Generator) -> NDArray[np.int64]:
    return generator.choice(indices, size=round(len(indices) * HELD_OUT_SHARE), replace=False)


def main() -> None:
    digits = load_digits()
    training, held_out = split(digits.target)
    order = np.concatenate([training, held_out])
    pixels = digits.images[order].astype(np.uint8)
    labels = digits.target[order].astype(np.uint8)
    OUT.mkdir(parents=True, exist_ok=True)
    (OUT / "digits.bin").write_bytes(pixels.tobytes() + labels.tobytes())
    about = {
        **ABOUT,
        "count": len(order),
        "training": len(training),
        "held_out": len(held_out),
        "height": 8,
        "width": 8,
        "max_value": 16,
        "classes": 10,
        "seed": SEED,
    }
    (OUT / "digits.json").write_text(json.dumps(about, indent=2, allow_nan=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
