import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, type Page, test } from "@playwright/test";
import { createServer, type ViteDevServer } from "vite";
import { CACHE, PYTHON } from "../../build/lib.mjs";
import { pyodideFolder } from "../../build/pyodide-plugin.mjs";
import { pytestFolder } from "../pyodide/run.mjs";

declare global {
  interface Window {
    python(code: string, files?: string[]): Promise<unknown>;
  }
}

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
let server: ViteDevServer;
let address: string;

test.beforeAll(async () => {
  server = await createServer({
    configFile: false,
    root: join(ROOT, "tests/browser/gpu"),
    cacheDir: join(ROOT, ".cache/vite-gpu"),
    logLevel: "error",
    resolve: { alias: { "/bridge": join(ROOT, "web/bridge"), "/gpu": join(ROOT, "web/gpu") } },
    plugins: [pyodideFolder()],
    server: { host: "127.0.0.1", port: 0, fs: { allow: [ROOT] }, hmr: false, watch: null },
  });
  await server.listen();
  address = server.resolvedUrls?.local[0] ?? "";
});

test.afterAll(() => server.close());

async function open(page: Page): Promise<void> {
  page.on("console", (message) => console.log(message.text()));
  await page.goto(address);
  await page.waitForFunction(() => "python" in window);
}

function python(page: Page, code: string, files: string[] = []): Promise<unknown> {
  return page.evaluate(([code, files]) => window.python(code, files), [code, files] as const);
}

test("try", async ({ page }) => {
  test.setTimeout(600_000);
  const archive = join(CACHE, "gpu", "tests.zip");
  execFileSync(PYTHON, [join(ROOT, "tests/browser/gpu/archive.py"), archive, pytestFolder()]);
  await page.context().route("**/tests.zip", (route) => route.fulfill({ path: archive }));
  await open(page);
  const t = Date.now();
  const value = await python(
    page,
    `
import os, sys
os.chdir("/loom")
sys.path.insert(0, "/loom")
import pytest
int(pytest.main(["--assert=plain", "-p", "no:cacheprovider", "--durations=8", "tests/ops/test_verbs.py", "-k", "program_equals_eager and webgpu"]))
`,
    ["tests.zip"],
  );
  console.log(value, Date.now() - t);
  expect(value).toBe(0);
});
