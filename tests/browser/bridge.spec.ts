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

test("values that are used twice in a call do no harm to Python", async ({ page }) => {
  await open(page);
  const seen = await page.evaluate(async () => {
    const loom = await window.bridge.createLoom();
    const dense = { type: "Dense", inputs: 4, outputs: 4 } as const;
    const net = await loom.network({ input_shape: [4], seed: 0, layers: [dense] });
    const points = (n: number) => Array.from({ length: n }, (_, i) => [0, 1, 2, 3].map((j) => Math.sin(4 * i + j)));
    const shape = [3, 4];
    const array = () => ({ data: Float32Array.from(points(3).flat()), shape });
    const kinds: { readonly [kind: string]: (x: number[][], y: number[]) => Promise<unknown> } = {
      "input as target": (x) => loom.mseLossGrad(x, x),
      "training data as validation": (x, y) => net.fit(x, y, { validation: [x, y] }),
      "one batch, several times": (x, y) => {
        const batch = { input: x, target: y };
        return net.train([batch, batch, batch]);
      },
      "one row, several times": (x, [a = 0]) => net.fit([x[0], x[1], x[0], x[0]] as number[][], [a, a, a, a]),
      "one shape": () => loom.mseLossGrad(array(), array()),
      "one array": () => ((one) => loom.mseLossGrad(one, one))(array()),
      "one layer, several times": async () => {
        const made = await loom.network({ input_shape: [4], layers: [dense, dense, dense] });
        await made.dispose();
      },
    };
    const found: [string, string][] = [];
    for (const [kind, call] of Object.entries(kinds)) {
      const rounds = async () => {
        for (let round = 0; round < 100; round++) await call(points(6), [0, 1, 2, 0, 1, 2]);
        return "fine";
      };
      found.push([kind, await rounds().catch(({ code, message }) => `${code}: ${message}`)]);
    }
    const { shape: answered } = await net.forward(points(2));
    return { found, answered };
  });
  expect(seen.found).toEqual(seen.found.map(([kind]) => [kind, "fine"]));
  expect(seen.answered).toEqual([2, 4]);
});

test("files and Float16Arrays are arguments; what is unreadable is an error of its call", async ({ page }) => {
  await open(page);
  const seen = await page.evaluate(async () => {
    // The real worker; before it sees a call of "summary", the browser could not read the message.
    const worker = new URL("/bridge/worker.ts?worker_file&type=module", location.href).href;
    const lose = `addEventListener("message", (event) => {
      if (event.data.method !== "get_telemetry") return;
      event.stopImmediatePropagation();
      dispatchEvent(new MessageEvent("messageerror"));
    });`;
    const script = (code: string) => URL.createObjectURL(new Blob([code], { type: "text/javascript" }));
    const workerURL = script(`import "${script(lose)}"; import "${worker}";`);
    const loom = await window.bridge.createLoom({ workerURL });
    const layers = [{ type: "Dense", inputs: 4, outputs: 3 }] as const;
    const net = await loom.network({ input_shape: [4], seed: 0, layers });
    const outputs = async (x: unknown) => [...(await net.forward(x as number[])).data];
    const said = (work: Promise<unknown>) => work.then(String, ({ code, message }) => `${code}: ${message}`);
    const file = new File([(await net.saveModel()) as Uint8Array<ArrayBuffer>], "net.safetensors");
    const order = [loom.loadModel(file), net.device()] as const;
    const loaded = await order[0];
    const half = Reflect.get(globalThis, "Float16Array") as Float32ArrayConstructor;
    return {
      plain: await outputs([1, 2, 3, 0.5]),
      half: await outputs(half.of(1, 2, 3, 0.5)),
      loaded: [...(await loaded.forward([1, 2, 3, 0.5])).data],
      bytes: await said(net.forward(new Blob(["abcd"]) as never)),
      nested: await said(net.fit([[1, 2, 3, 4]], [0], { validation: new Blob([]) } as never)),
      lost: await said(net.getTelemetry()),
      after: await outputs([1, 2, 3, 0.5]),
    };
  });
  expect([seen.half, seen.loaded, seen.after]).toEqual([seen.plain, seen.plain, seen.plain]);
  expect(seen.bytes).toMatch(/^data: Network.forward: x: expected numbers .*, got bytes/);
  expect(seen.nested).toMatch(/^data: fit: config.validation: .*got a Blob; do: .*arrayBuffer/);
  expect(seen.lost).toMatch(/^out_of_memory: .*give less at once/);
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
