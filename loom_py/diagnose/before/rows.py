"""Equal rows among many: found by hashes, confirmed value by value."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from loom_py.shapes import AnyArray

HASHED = 256
"""Values of a row that are hashed; of wider rows every n-th."""
_BLOCK = 2**18


@dataclass(frozen=True, slots=True)
class Groups:
    """Rows in groups of equal ones.

    Attributes:
        of: group of each row (N), from 0.
        count: number of groups.
        order: the rows (N), group by group.
    """

    of: AnyArray
    count: int
    order: AnyArray

    def conflicting(self, other: Rows) -> AnyArray:
        """Whether each row (N) is in a group whose rows differ in `other`."""
        before, after = self.order[:-1], self.order[1:]
        pairs = np.flatnonzero(self.of[before] == self.of[after])
        differ = pairs[~other.equal(before[pairs], other, after[pairs])]
        bad = np.zeros(self.count, bool)
        bad[self.of[after[differ]]] = True
        return bad[self.of]


class Rows:
    """The rows of an array (N, …).

    The hash of a row is Σ cᵢ·bitsᵢ modulo 2⁶⁴ with fixed odd numbers c.
    """

    def __init__(self, values: AnyArray) -> None:
        """Take the array; nothing is copied."""
        self.values = values.reshape(len(values), -1)

    def __len__(self) -> int:
        return len(self.values)

    @cached_property
    def keys(self) -> AnyArray:
        """Hash of each row (N)."""
        n, width = self.values.shape
        taken = self.values[:, :: -(-width // HASHED)]
        factors = np.random.default_rng(0).integers(1, 2**63, taken.shape[1], np.uint64) * np.uint64(2) + np.uint64(1)
        keys = np.empty(n, np.uint64)
        step = max(_BLOCK // taken.shape[1], 1)
        for start in range(0, n, step):
            keys[start : start + step] = _bits(taken[start : start + step]) @ factors
        return keys

    @cached_property
    def sorted_keys(self) -> AnyArray:
        """The hashes (N) in order; sorting values is several times faster than sorting their positions."""
        return np.sort(self.keys)

    @cached_property
    def order(self) -> AnyArray:
        """The rows (N) in the order of their hashes."""
        return np.argsort(self.keys)

    @cached_property
    def distinct(self) -> bool:
        """Whether no two rows are equal."""
        repeated: bool = (self.sorted_keys[1:] == self.sorted_keys[:-1]).any()
        return not repeated or self.groups.count == len(self)

    def equal(self, mine: AnyArray, other: Rows, theirs: AnyArray) -> AnyArray:
        """Whether rows (M) of this array equal rows (M) of another."""
        found = np.empty(len(mine), bool)
        step = max(_BLOCK // max(self.values.shape[1], 1), 1)
        for start in range(0, len(mine), step):
            part = slice(start, start + step)
            found[part] = (self.values[mine[part]] == other.values[theirs[part]]).all(axis=1)
        return found

    @cached_property
    def groups(self) -> Groups:
        """The rows in groups of equal ones."""
        order, keys = self.order, self.sorted_keys
        new = np.ones(len(order), bool)
        candidates = np.flatnonzero(keys[1:] == keys[:-1]) + 1
        new[candidates] = ~self.equal(order[candidates - 1], self, order[candidates])
        of = np.empty(len(order), np.int64)
        of[order] = np.cumsum(new) - 1
        return Groups(of, int(new.sum()), order)

    def found_in(self, other: Rows) -> AnyArray:
        """Whether each row (N) is among the rows of another array."""
        keys = other.sorted_keys
        at = np.minimum(np.searchsorted(keys, self.keys), len(keys) - 1)
        found: AnyArray = keys[at] == self.keys
        which = np.flatnonzero(found)
        if len(which):
            found[which] = self.equal(which, other, other.order[at[which]])
        return found


def _bits(values: AnyArray) -> AnyArray:
    """The values' bits as integers; 0 and -0 are equal."""
    exact = values + values.dtype.type(0) if values.dtype.kind == "f" else values
    bits: AnyArray = np.ascontiguousarray(exact).view(f"u{exact.itemsize}")
    return bits.astype(np.uint64)
