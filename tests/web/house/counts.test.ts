import { describe, expect, it } from "vitest";
import { countTests } from "../../../build/test.mjs";

// Closing lines as the runners write them.
const VITEST =
  " Test Files  1 failed | 2 passed (3)\n      Tests  1 failed | 11 passed | 2 skipped (14)\n   Duration  1.2s";
const PLAYWRIGHT = "  1) [chromium] › demo.spec.ts\n\n  1 failed\n    demo.spec.ts:3:1 › trains\n  4 passed (9.1s)";
const NODE = "# tests 3\n# suites 0\n# pass 2\n# fail 1\n# cancelled 0\n# skipped 0\n# todo 0\n# duration_ms 12";

describe("reading the runners' closing lines", () => {
  it.each([
    ["pytest", "....\n3 failed, 120 passed, 2 skipped, 7 deselected in 4.00s", 1, [120, 3, 2]],
    ["pytest with errors", "ERROR tests/a.py\n5 passed, 2 errors in 0.66s", 1, [5, 2, 0]],
    ["vitest", VITEST, 1, [11, 1, 2]],
    ["Playwright", PLAYWRIGHT, 1, [4, 1, 0]],
    ["node --test", NODE, 1, [2, 1, 0]],
    ["types", "types: 2 passed, 0 failed", 0, [2, 0, 0]],
    ["colours", "\u001b[32m\u001b[1m7 passed\u001b[0m in 1s", 0, [7, 0, 0]],
  ])("%s", (_runner, text, code, [passed, failed, skipped]) => {
    expect(countTests(text, code)).toEqual({ passed, failed, skipped });
  });

  it("counts a runner that died, or that ran nothing, as a failure", () => {
    expect(countTests("5 passed in 1s", 137).failed).toBe(1);
    expect(countTests("no tests ran in 0.01s", 0).failed).toBe(1);
    expect(countTests("Segmentation fault", 139)).toEqual({ passed: 0, failed: 1, skipped: 0 });
  });
});
