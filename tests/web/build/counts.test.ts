import { describe, expect, it } from "vitest";
import { countTests } from "../../../build/test.mjs";

// Last lines of the runners' output.
const VITEST =
  " Test Files  1 failed | 2 passed (3)\n      Tests  1 failed | 11 passed | 2 skipped (14)\n   Duration  1.2s";
const PLAYWRIGHT = "  1) [chromium] › demo.spec.ts\n\n  1 failed\n    demo.spec.ts:3:1 › trains\n  4 passed (9.1s)";
const NODE = "# tests 3\n# suites 0\n# pass 2\n# fail 1\n# cancelled 0\n# skipped 0\n# todo 0\n# duration_ms 12";

describe("counts from the runners' last lines", () => {
  it.each([
    ["pytest", "....\n3 failed, 120 passed, 2 skipped, 7 deselected in 4.00s", [120, 3, 2]],
    ["pytest", "!! Interrupted: 1 error during collection !!\n5 passed, 1 error in 0.66s", [5, 1, 0]],
    ["pytest", "== 7 passed in 61.20s (0:01:01) ==", [7, 0, 0]],
    ["vitest", VITEST, [11, 1, 2]],
    ["playwright", PLAYWRIGHT, [4, 1, 0]],
    ["node", NODE, [2, 1, 0]],
    ["types", "a.ts(1,2): error TS2304\ntypes: 2 passed, 0 failed", [2, 0, 0]],
    ["vitest", "\u001b[2m      Tests \u001b[22m \u001b[32m7 passed\u001b[39m (7)", [7, 0, 0]],
  ] as const)("%s: %s", (runner, text, [passed, failed, skipped]) => {
    expect(countTests(runner, text, failed ? 1 : 0)).toEqual({ passed, failed, skipped });
  });

  it("count a runner that died or ran nothing as a failure", () => {
    expect(countTests("pytest", "5 passed in 1s", 137).failed).toBe(1);
    expect(countTests("pytest", "no tests ran in 0.01s", 0).failed).toBe(1);
    expect(countTests("playwright", "Segmentation fault", 139)).toEqual({ passed: 0, failed: 1, skipped: 0 });
  });
});
