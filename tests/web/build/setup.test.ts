import { describe, expect, it } from "vitest";
import { installation } from "../../../build/setup.mjs";

const LOCKS = { demo: "d1", all: "a1" };

describe("what setup installs", () => {
  it.each([
    ["nothing there, the demo", "", "demo", "demo", false],
    ["nothing there, everything", "", "all", "all", false],
    ["the demo is there", "demo d1", "demo", "demo", true],
    ["the demo's lock changed", "demo d0", "demo", "demo", false],
    ["everything completes the demo", "demo d1", "all", "all", false],
    ["everything satisfies the demo", "all a1", "demo", "all", true],
    ["everything is there", "all a1", "all", "all", true],
    ["everything is outdated: renewed, not reduced", "all a0", "demo", "all", false],
    ["a stamp without a name", "a1", "demo", "all", true],
    ["an outdated stamp without a name", "a0", "all", "all", false],
  ] as const)("%s", (_, stamp, wanted, target, fresh) => {
    expect(installation(stamp, wanted, LOCKS)).toEqual({ target, fresh, stamp: `${target} ${LOCKS[target]}` });
  });
});
