import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { unseenFolders, webBreaches } from "../../../build/ranks.mjs";

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "ranks-"));
});
afterEach(() => rmSync(root, { recursive: true }));

function plant(path: string, text: string): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), text);
}

describe("the ranks of web/", () => {
  it("lets the demo import the bridge and the visualiser", () => {
    plant("demo/main.ts", 'import { a } from "../bridge/a";\nimport { b } from "../visualiser/b";');
    expect(webBreaches(root)).toEqual([]);
  });

  it.each([
    ["visualiser/chart.ts", 'import type { A } from "../bridge/protocol";'],
    ["visualiser/panels/deep.ts", 'export * from "../../bridge/protocol";'],
    ["gpu/run.ts", 'const worker = new URL("../bridge/worker.ts", import.meta.url);'],
    ["bridge/client.ts", 'const view = await import("../visualiser/view");'],
    ["generated/loom.d.ts", 'import "../demo/main";'],
  ])("names %s when it reaches too high", (path, text) => {
    plant(path, text);
    expect(webBreaches(root)).toHaveLength(1);
    expect(webBreaches(root)[0]).toContain(path);
  });

  it("asks for the rank of a folder it does not know", () => {
    plant("widgets/a.ts", "export {};");
    expect(webBreaches(root)[0]).toContain("has no rank");
  });
});

it("finds Python folders that the rank contract would not see", () => {
  plant("loom_py/ops/__init__.py", "");
  plant("loom_py/ops/matmul.py", "");
  plant("loom_py/layers/dense.py", "");
  expect(unseenFolders(join(root, "loom_py"))).toEqual(["layers"]);
});
