"""Longer fuzzing by hand: `.venv/bin/python -m tests.fuzz --count 20000 --seed 7 recording metrics`."""

from __future__ import annotations

import argparse
import sys
import traceback
import warnings

from tests.fuzz.readers import READERS


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("readers", nargs="*", help=f"of {', '.join(READERS)}; all by default")
    parser.add_argument("--count", type=int, default=10_000, help="mutations for each reader")
    parser.add_argument("--seed", default="0", help="seed of all mutations")
    given = parser.parse_args()
    warnings.simplefilter("error")
    failed = 0
    for name in given.readers or READERS:
        read = 0
        for number in range(given.count):
            try:
                read += READERS[name].survives(f"{given.seed}/{name}/{number}")
            except Exception:
                failed += 1
                lines = [line[:300] for line in traceback.format_exc(limit=-4).splitlines()]
                print(f"seed {given.seed}/{name}/{number}:", *lines, sep="\n", file=sys.stderr)
                if failed == 20:
                    return 1
        print(f"{name}: {given.count} files, {read} of them were read, the others refused")
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
