import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { CACHE, PYTHON, ROOT } from "../../../build/lib.mjs";
import type { GPUHost } from "../../../web/gpu/index.ts";
import { dawn, missing } from "./dawn.ts";
import { type Case, distance, type Exported, replay } from "./replay.ts";

const TOLERANCE = 2e-5; // of the largest value, as in the op suite
const TRAINED = 1e-4; // errors add up over steps

function exported(): Exported {
  const file = join(CACHE, "gpu", "plans.json");
  execFileSync(PYTHON, ["-m", "tests.gpu.export", file], { cwd: ROOT, stdio: "inherit" });
  return JSON.parse(readFileSync(file, "utf8"));
}

const verbOf = ({ title }: Case) => title.replace(/ \d+$/, "");

describe.skipIf(missing)("Python's plans on Dawn give NumPy's results", () => {
  const all = missing ? { kernels: {}, cases: [] } : exported();
  const names = [...new Set(all.cases.map(verbOf))];
  let host: GPUHost;

  beforeAll(async () => {
    host = await dawn();
  });
  afterAll(() => host.destroy());

  test.for(names)("%s", async (name, { skip }) => {
    if (name.endsWith("by subgroups") && !host.adapter.features.includes("subgroups"))
      skip("the device has no subgroups");
    for (const { title, steps, expected } of all.cases.filter((item) => verbOf(item) === name)) {
      expect(expected.length).toBeGreaterThan(0);
      const brought = await replay(host, all, steps);
      const most = name.startsWith("training") ? TRAINED : TOLERANCE;
      expect(distance(brought, expected), title).toBeLessThanOrEqual(most);
    }
  });
});
