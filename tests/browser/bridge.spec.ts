import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, type Page, test } from "@playwright/test";
import { createServer, type ViteDevServer } from "vite";
import { pyodideFolder } from "../../build/pyodide-plugin.mjs";
import type * as Bridge from "../../web/bridge/index.ts";

declare global {
  interface Window {
    bridge: typeof Bridge;
  }
}

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
let server: ViteDevServer;
let address: string;

test.beforeAll(async () => {
  server = await createServer({
    configFile: false,
    root: join(ROOT, "tests/browser/bridge"),
    cacheDir: join(ROOT, ".cache/vite-bridge"),
    logLevel: "error",
    resolve: { alias: { "/bridge": join(ROOT, "web/bridge") } },
    plugins: [pyodideFolder()],
    server: { host: "127.0.0.1", port: 0, fs: { allow: [ROOT] }, hmr: false, watch: null },
  });
  await server.listen();
  address = server.resolvedUrls?.local[0] ?? "";
});

test.afterAll(() => server.close());

async function open(page: Page): Promise<void> {
  await page.goto(address);
  await page.waitForFunction(() => "bridge" in window);
}

/** Load the library in the page, and return the error. */
function failureOf(page: Page, indexURL = "pyodide/"): Promise<{ name: string; code: string; message: string }> {
  return page.evaluate(async (indexURL) => {
    try {
      await window.bridge.createLoom({ indexURL });
    } catch (error) {
      const { name, code, message } = error as Bridge.LoomError;
      return { name, code, message };
    }
    throw new Error("expected an error, but it loaded");
  }, indexURL);
}

test("a worker loads Python, reports its progress, trains while the page stays responsive, and leaks nothing", async ({
  page,
}) => {
  await open(page);
  const seen = await page.evaluate(async () => {
    const { createLoom, countAlive } = window.bridge;
    const progress: { phase: string; loaded: number; text: string }[] = [];
    const loom = await createLoom({ onProgress: (step) => progress.push(step) });
    const net = await loom.network({
      input_shape: [2],
      seed: 3,
      layers: [
        { type: "Dense", inputs: 2, outputs: 16, activation: "tanh" },
        { type: "Dense", inputs: 16, outputs: 2 },
      ],
    });
    const x = Array.from({ length: 64 }, (_, i) => [Math.cos(i * 2.399), Math.sin(i * 2.399)]);
    const y = x.map(([a = 0, b = 0]) => (a * b > 0 ? 1 : 0));
    const stream = net.observe();
    const kinds = new Set<string>();
    const watching = (async () => {
      for await (const message of stream) kinds.add(message.kind);
    })();
    const abort = new AbortController();
    let steps = 0;
    const onEvent = ({ type }: { type: string }) => {
      steps += type === "batch_end" ? 1 : 0;
    };
    const done = net.fit(x, y, { epochs: 1_000_000, learning_rate: 0.5 }, { signal: abort.signal, onEvent });
    let answers = 0;
    while (steps < 300) {
      await net.forward([0.1, 0.2]);
      answers++;
    }
    abort.abort();
    const result = await done;
    await stream.close();
    await watching;
    await net.dispose();
    const alive = await countAlive(loom);
    await loom.dispose();
    const late = await loom.network({ input_shape: [1], layers: [] }).catch(({ code }) => code);
    return { progress, result, kinds: [...kinds], answers, alive, late };
  });
  expect(seen.progress.map(({ phase }) => phase).filter((phase, i, all) => phase !== all[i - 1])).toEqual([
    "runtime",
    "packages",
    "session",
    "ready",
  ]);
  expect(seen.progress.at(-1)?.loaded).toBeGreaterThan(10_000_000);
  expect(seen.result.stopped_because).toBe("cancelled");
  expect(seen.result.loss_history.at(-1)).toBeLessThan(seen.result.loss_history[0] ?? 0);
  expect(seen.kinds).toEqual(expect.arrayContaining(["blueprint", "stats", "training"]));
  expect(seen.answers).toBeGreaterThan(3);
  expect(seen.alive).toBe(0);
  expect(seen.late).toBe("closed");
});

test("a folder without Pyodide: the error names the file", async ({ page }) => {
  await open(page);
  const error = await failureOf(page, "nowhere/");
  expect(error.code).toBe("network");
  expect(error.message).toContain(`${address}nowhere/pyodide.mjs`);
});

test("no network while a wheel is fetched: the error names the file", async ({ page }) => {
  await open(page);
  await page.context().route("**/numpy-*.whl", (route) => route.abort("internetdisconnected"));
  const error = await failureOf(page);
  expect(error.code).toBe("network");
  expect(error.message).toMatch(/Could not load .*numpy.*\.whl/);
});

test("a missing file: the error has its status", async ({ page }) => {
  await open(page);
  await page.context().route("**/python_stdlib.zip", (route) => route.fulfill({ status: 404, body: "" }));
  const error = await failureOf(page);
  expect(error.code).toBe("network");
  expect(error.message).toMatch(/python_stdlib\.zip: the server answered 404/);
});

test("a wheel whose hash differs from the lock file is refused", async ({ page }) => {
  await open(page);
  await page.context().route("**/loom_py-*.whl", async (route) => {
    const body = readFileSync(join(ROOT, "package.json"));
    await route.fulfill({ status: 200, contentType: "application/zip", body });
  });
  const error = await failureOf(page);
  expect(error.code).toBe("bad_hash");
  expect(error.message).toMatch(/loom_py-.*\.whl is not the file that pyodide-lock\.json names/);
});

test("a browser without WebAssembly: the error says so", async ({ page }) => {
  await open(page);
  const error = await page.evaluate(async () => {
    // The real worker, with WebAssembly removed before its first line.
    const worker = new URL("/bridge/worker.ts?worker_file&type=module", location.href).href;
    const script = (code: string) => URL.createObjectURL(new Blob([code], { type: "text/javascript" }));
    const without = script("delete globalThis.WebAssembly;");
    const workerURL = script(`import "${without}"; import "${worker}";`);
    const failed = await window.bridge.createLoom({ workerURL }).catch((thrown: Bridge.LoomError) => thrown);
    return { code: (failed as Bridge.LoomError).code, message: (failed as Bridge.LoomError).message };
  });
  expect(error.code).toBe("no_webassembly");
  expect(error.message).toMatch(/WebAssembly/);
});

test("a worker that fails to load, or dies, rejects every call", async ({ page }) => {
  await open(page);
  const missing = await page.evaluate(() =>
    window.bridge.createLoom({ workerURL: "/no-such-worker.js" }).catch(({ code, message }) => ({ code, message })),
  );
  expect(missing).toMatchObject({ code: "worker" });
  const died = await page.evaluate(async () => {
    const code = 'onmessage = () => { setTimeout(() => { throw new Error("struck by lightning"); }); };';
    const workerURL = URL.createObjectURL(new Blob([code], { type: "text/javascript" }));
    return window.bridge.createLoom({ workerURL }).catch(({ code, message }) => ({ code, message }));
  });
  expect(died).toMatchObject({ code: "worker", message: expect.stringContaining("struck by lightning") });
});

test("loading can be aborted", async ({ page }) => {
  await open(page);
  const reason = await page.evaluate(async () => {
    const abort = new AbortController();
    const loading = window.bridge.createLoom({ signal: abort.signal, onProgress: () => abort.abort() });
    return loading.catch(({ name }: Error) => name);
  });
  expect(reason).toBe("AbortError");
});
