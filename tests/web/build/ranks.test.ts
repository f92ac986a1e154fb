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
    plant("demo/main.ts", 'import { a } from "../bridge/index.ts";\nimport { b } from "../visualiser";');
    expect(webBreaches(root)).toEqual([]);
  });

  it.each([
    ["visualiser/chart.ts", 'import type { A } from "../bridge/protocol";'],
    ["visualiser/panels/deep.ts", 'export * from "../../bridge/protocol";'],
    ["gpu/run.ts", 'const worker = new URL("../bridge/worker.ts", import.meta.url);'],
    ["bridge/client.ts", 'const view = await import("../visualiser/view");'],
    ["generated/loom.d.ts", 'import "../demo/main";'],
    ["visualiser/data/ring.ts", 'import { font } from "../draw/theme";'],
    ["visualiser/data/messages.ts", 'import type { Panel } from "../panels/panel-host";'],
    ["visualiser/draw/axes.ts", 'import { Panel } from "../panels/panel-host";'],
    ["visualiser/draw/plot.ts", 'import { Dashboard } from "../dashboard";'],
    ["gpu/host.ts", 'import type { Loom } from "../generated/loom.d.ts";'],
  ])("names %s when it imports from a higher rank", (path, text) => {
    plant(path, text);
    expect(webBreaches(root)).toHaveLength(1);
    expect(webBreaches(root)[0]).toContain(path);
  });

  it("lets panels use data and drawing, and the generated types reach the data", () => {
    plant("visualiser/panels/curve.ts", 'import { a } from "../data/ring";\nimport { b } from "../draw/plot";');
    plant("visualiser/data/messages.ts", 'import type { A } from "../../generated/loom.d.ts";');
    expect(webBreaches(root)).toEqual([]);
  });

  it("lets other folders be imported only by their index", () => {
    plant("bridge/index.ts", "export {};");
    plant("bridge/rpc.ts", "export {};");
    plant("demo/main.ts", 'import { a } from "../bridge/index.ts";\nimport { b } from "../bridge/rpc.ts";');
    expect(webBreaches(root)).toEqual([expect.stringContaining("import it from bridge/index.ts")]);
  });

  it.each(["widgets/a.ts", "visualiser/widgets/a.ts"])("requires a rank for every folder: %s", (path) => {
    plant(path, "export {};");
    expect(webBreaches(root)[0]).toContain("has no rank");
  });
});

describe("circles between files", () => {
  it("are found at any length, and listed in order", () => {
    plant("gpu/a.ts", 'import { b } from "./b.ts";');
    plant("gpu/b.ts", 'import {\n  c,\n} from "./c.ts";');
    plant("gpu/c.ts", 'export { a } from "./a.ts";');
    expect(webBreaches(root)).toEqual([expect.stringContaining("gpu/a.ts → gpu/b.ts → gpu/c.ts → gpu/a.ts")]);
  });

  it("are found without file extensions, and through dynamic imports and workers", () => {
    plant("demo/a.ts", 'import { b } from "./b";');
    plant("demo/b.ts", 'const a = await import("./a");');
    plant("demo/c.ts", 'import "./d";');
    plant("demo/d.ts", 'new Worker(new URL("./c.ts", import.meta.url));');
    expect(webBreaches(root)).toHaveLength(2);
  });

  it("are not reported for two files that import a third", () => {
    plant("gpu/a.ts", 'import { b } from "./b.ts";\nimport { c } from "./c.ts";');
    plant("gpu/b.ts", 'import { c } from "./c.ts";');
    plant("gpu/c.ts", "export {};");
    expect(webBreaches(root)).toEqual([]);
  });

  describe("closed by a type-only import", () => {
    beforeEach(() => {
      plant("gpu/a.ts", 'import { b } from "./b.ts";');
      plant("gpu/b.ts", 'import type { A } from "./a.ts";');
    });

    it("are found too", () => {
      expect(webBreaches(root, [])).toEqual([expect.stringContaining("gpu/a.ts → gpu/b.ts → gpu/a.ts")]);
    });

    it("are allowed if that import is in the list", () => {
      expect(webBreaches(root, ["gpu/b.ts → gpu/a.ts"])).toEqual([]);
    });

    it("are found if the listed import is not type-only", () => {
      expect(webBreaches(root, ["gpu/a.ts → gpu/b.ts"])).toEqual([
        expect.stringContaining("circle"),
        expect.stringContaining("remove the exception"),
      ]);
    });
  });

  it("an exception without its import is reported", () => {
    expect(webBreaches(root, ["gpu/x.ts → gpu/y.ts"])).toEqual([expect.stringContaining("remove the exception")]);
  });
});

it("finds Python folders without __init__.py, which the rank contract does not see", () => {
  plant("loom_py/ops/__init__.py", "");
  plant("loom_py/ops/matmul.py", "");
  plant("loom_py/layers/dense.py", "");
  expect(unseenFolders(join(root, "loom_py"))).toEqual(["layers"]);
});
