"""Variants of matrix products: kernel, tile size, and split of K for products too small to fill a GPU."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

BUSY = 32768
"""Invocations that keep a large GPU busy: 256 on each of about 132 multiprocessors."""
LATENCY = 40.0
"""Least nanoseconds for a step of K: an eighth of a fetch and a barrier."""
LAUNCH = 4000.0
"""Nanoseconds of another dispatch that waits for the one before."""
WORD = 0.0015
"""Nanoseconds to write a word and read it again."""
LEAST_SHARE = 32
"""Shortest share of K that pays, for tiles."""
LEAST_VECTOR = 1024
"""Shortest share of K that pays, for vectors."""
ENOUGH_VECTORS = 8192
"""Most results of a split product with a vector: 512 workgroups."""
CUTS = (1, 2, 4, 8, 16, 32, 64)
"""Numbers of shares to try."""
MOST_PARTS = 1 << 24
"""Most words of scratch memory for the products of all shares."""


@dataclass(frozen=True, slots=True)
class Variant:
    """One implementation of a product.

    Attributes:
        kernel: a file of kernels/.
        side: side of a workgroup's square tile.
        own: results of each invocation.
        rate: multiplications a nanosecond of one lane when all are busy; below 1 because it reads the factors too.
        shares: number of parts that K is split into; more than one takes scratch memory and a second dispatch.
        constants: values of the kernel's override constants.
    """

    kernel: str
    side: int = 0
    own: int = 1
    rate: float = 0.0
    shares: int = 1
    constants: Mapping[str, int] = field(default_factory=dict)


VARIANTS = {
    "large": Variant("matmul_large", 128, 64, 1.0),
    "medium": Variant("matmul", 64, 32, 0.8, constants={"tall": 1}),
    "small": Variant("matmul", 32, 16, 0.5, constants={"tall": 0}),
    "blocks": Variant("matmul_blocks", 64, 64, 0.45),
    "direct": Variant("matmul_direct", 32, 16, 0.45),
    "vector": Variant("matmul_vector"),
}
"""All variants; the tiled ones with any number of shares, "blocks" for products in fours."""
UNSHARED, UNSHARED_LANES = ("matmul_direct", "matmul_blocks"), 64
"""Kernels without workgroup memory, and the size of their workgroups, whose shape follows the product."""


class Product(NamedTuple):
    """Shape of products (m,k)·(k,n) and layout of the factors.

    Attributes:
        along_a, along_b: whether the factor is contiguous along k.
        fours: whether everything can be read and written four numbers at a time.
    """

    m: int
    n: int
    k: int
    batch: int = 1
    along_a: bool = True
    along_b: bool = False
    fours: bool = False

    @property
    def numbers(self) -> int:
        """Number of results."""
        return self.m * self.n * self.batch

    @property
    def work(self) -> int:
        """Number of multiplications."""
        return self.numbers * self.k

    def __str__(self) -> str:
        return f"{self.m}x{self.n}x{self.k} batch {self.batch} along {self.along_a:d}{self.along_b:d}{self.fours:d}"


def choose(product: Product) -> Variant:
    """The variant for a product, by rule.

    A single row or column takes "vector", split where there are few results and K is long. Otherwise the tile and the
    number of shares (1, 2, 4 … 64) that `expected` finds fastest: large tiles if there are enough of them, else smaller
    ones, split if those are few as well and K is long.
    """
    m, n, k, *_ = product
    numbers = product.numbers
    if m == 1 or n == 1:
        cuts = [s for s in CUTS if s == 1 or (k >= s * LEAST_VECTOR and s * numbers <= ENOUGH_VECTORS)]
        return replace(VARIANTS["vector"], shares=max(cuts))
    tiled = [v for v in VARIANTS.values() if v.side and v.kernel not in UNSHARED]
    cuts = [s for s in CUTS if s == 1 or (k >= s * LEAST_SHARE and s * numbers <= MOST_PARTS)]
    return min((replace(v, shares=s) for s in cuts for v in tiled), key=lambda v: expected(v, product))


def plainest(product: Product) -> Variant:
    """The variant without workgroup memory, for software renderers: they pay for every barrier."""
    if product.m == 1 or product.n == 1:
        return VARIANTS["vector"]
    return VARIANTS["blocks" if product.fours else "direct"]


def expected(variant: Variant, product: Product) -> float:
    """Rough nanoseconds of a tiled variant on a large GPU, only good for comparing variants."""
    side, shares, (m, n, k, batch, *_) = variant.side, variant.shares, product
    invocations = -(-m // side) * -(-n // side) * batch * shares * side**2 // variant.own
    time = -(-k // shares) * max(variant.own / variant.rate * max(invocations / BUSY, 1.0), LATENCY)
    return time if shares == 1 else time + LAUNCH + WORD * shares * m * n * batch
