import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, type Page, test } from "@playwright/test";
import { createServer, type ViteDevServer } from "vite";
import { CACHE, PYTHON } from "../../build/lib.mjs";
import { pyodideFolder } from "../../build/pyodide-plugin.mjs";
import type * as Bridge from "../../web/bridge/index.ts";
import { pytestFolder } from "../pyodide/run.mjs";

declare global {
  interface Window {
    bridge: typeof Bridge;
    /** Run Python in a worker with the GPU; resolves to its value as plain data. */
    python(code: string, files: readonly string[]): Promise<unknown>;
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
  await page.goto(address);
  await page.waitForFunction(() => "python" in window);
}

/** Open the page, or skip the test if this browser has no GPU, not even a software renderer. */
async function openWithGPU(page: Page): Promise<void> {
  await open(page);
  const reason = await page.evaluate(async () => {
    if (!navigator.gpu) return "this browser has no WebGPU";
    return (await navigator.gpu.requestAdapter())
      ? undefined
      : "this browser finds neither a GPU nor a software renderer";
  });
  if (reason) console.log(`skipped: ${reason}`);
  test.skip(reason !== undefined, reason);
}

function python(page: Page, code: string, files: readonly string[] = []): Promise<unknown> {
  return page.evaluate(([code, files]) => window.python(code, files), [code, files] as const);
}

test("the op suite on the page's GPU: every verb gives NumPy's results", async ({ page }) => {
  test.setTimeout(300_000);
  await openWithGPU(page);
  const archive = join(CACHE, "gpu", "tests.zip");
  execFileSync(PYTHON, [join(ROOT, "tests/browser/gpu/archive.py"), archive, pytestFolder()]);
  await page.context().route("**/tests.zip", (route) => route.fulfill({ path: archive }));
  const lines: string[] = [];
  page.on("console", (message) => lines.push(message.text()));
  const code = await python(page, RUN_OP_SUITE, ["tests.zip"]);
  expect(code, lines.join("\n")).toBe(0);
  const passed = Number(/(\d+) passed/.exec(lines.join("\n"))?.[1]);
  console.log(`${passed} tests of the op suite passed on the page's GPU`);
  expect(passed).toBeGreaterThan(50);
});

// Without pytest's rewriting of assertions, which exceeds the stack of a worker.
const RUN_OP_SUITE = `
import os, sys
os.chdir("/loom")
sys.path.insert(0, "/loom")
import pytest
options = ["--assert=plain", "-p", "no:cacheprovider", "-k", "program_equals_eager and webgpu"]
int(pytest.main([*options, "tests/ops/test_verbs.py"]))
`;

test("a training step is one call of JavaScript, and its results another; steps leak nothing", async ({ page }) => {
  await openWithGPU(page);
  const seen = (await python(page, COUNT_CALLS)) as Seen;
  const { run, arrived, report = 0, ...others } = seen.calls;
  expect([run, arrived]).toEqual([40, 40]);
  expect(report).toBeLessThanOrEqual(40); // only for steps that Python waits for
  expect(others).toEqual({});
  expect(seen.buffers[1]).toBe(seen.buffers[0]);
  expect(seen.plans[1]).toBe(seen.plans[0]);
});

test("a synchronous call from JavaScript can't wait for the GPU; an awaited one can", async ({ page }) => {
  await openWithGPU(page);
  const found = (await python(page, AWAIT)) as Waited;
  expect(found.refused).toContain("a caller that awaits");
  expect(found.device).toBe("webgpu");
  expect(found.subgroups[1]).toBe(found.subgroups[0]);
  expect(found.apart).toBeLessThan(1e-5);
  expect(found.order).toEqual([0, 1]);
});

interface Waited {
  readonly refused: string;
  readonly device: string;
  readonly apart: number;
  readonly order: readonly number[];
  /** Whether the device has subgroups, and whether they are used; software renderers pass the check too. */
  readonly subgroups: readonly [boolean, boolean];
}

const AWAIT = `
import asyncio
import numpy as np
from pyodide.code import run_js
import loom_py as nn
from loom_py.executors.webgpu.find import find_executor

x = np.random.default_rng(0).standard_normal((16, 4)).astype(np.float32)
net = nn.Network.of(4, [nn.Dense(4, 8, "tanh"), nn.Dense(8, 3)], seed=1)
wanted, order, seen = net.forward(x), [], {}

def numbered(number):
    net.parameters()  # on the GPU by then, so this waits
    order.append(number)

async def clicked():
    await nn.awaited(net.to, "webgpu")
    seen["device"] = net.device
    executor = find_executor()
    seen["subgroups"] = ["subgroups" in executor.host.adapter.features, executor.subgroups]
    seen["apart"] = float(abs((await nn.awaited(net.forward_gpu, x)).output - wanted).max())
    await asyncio.gather(nn.awaited(numbered, 0), nn.awaited(numbered, 1))

def on_click():
    seen["refused"] = net.gpu_unavailable_reason
    return asyncio.ensure_future(clicked())

await run_js("(handler) => handler()")(on_click)
{**seen, "order": order}
`;

for (const when of ["in a step", "at rest"]) {
  test(`a device lost ${when}: the results are those of a run without it`, async ({ page }) => {
    await openWithGPU(page);
    const found = (await python(page, LOSE.replace("WHEN", when))) as Lost;
    expect(found.lost).toBe(true);
    expect(found.steps).toEqual([24, 24]);
    expect(found.apart).toBeLessThan(1e-4);
    expect(found.anomalies).toEqual([expect.stringContaining("webgpu was lost")]);
  });
}

interface Lost {
  readonly lost: boolean;
  /** Training steps with the device, and without it. */
  readonly steps: readonly [number, number];
  /** The largest difference of outputs and parameters. */
  readonly apart: number;
  readonly anomalies: readonly string[];
}

const LOSE = `
import numpy as np
import loom_gpu
import loom_py as nn
from loom_py.executors.webgpu.browser import browser_host

x = np.random.default_rng(0).standard_normal((32, 4)).astype(np.float32)
y = np.arange(32) % 3
anomalies = []

class Breaker(nn.Observer):
    def on_training_event(self, event):
        if event.type == "batch_end" and event.step == 5 and "WHEN" == "in a step":
            loom_gpu.host.destroy()
        if event.type == "anomaly":
            anomalies.append(event.text)

def work(device):
    net = nn.Network.of(4, [nn.Dense(4, 8, activation="tanh"), nn.BatchNorm(8), nn.Dense(8, 3)], seed=1).to(device)
    options = nn.TrainingConfig(epochs=3, batch_size=8, learning_rate=0.01, optimizer="adam", validation=(x, y))
    if device == "webgpu":
        net.add_observer(Breaker())
    net.fit(x, y, options)
    net.set_parameters({name: 0.9 * value for name, value in net.parameters().items()})
    if device == "webgpu":
        loom_gpu.host.destroy()
    outputs = [net.forward(x), np.float32(net.evaluate(x, y).loss)]
    net.fit(x, y, options)
    return net, [*outputs, *net.parameters().values()]

(net, got), (other, wanted) = work("webgpu"), work("numpy")
{
    "lost": browser_host().lost is not None and net.device != "webgpu",
    "steps": [net.engine.steps, other.engine.steps],
    "apart": max(float(abs(a - b).max()) for a, b in zip(got, wanted)),
    "anomalies": anomalies,
}
`;

interface Seen {
  /** Number of calls of each method of the host during training. */
  readonly calls: { readonly [method: string]: number };
  /** Live buffers and plans before and after more training and more networks. */
  readonly buffers: readonly [number, number];
  readonly plans: readonly [number, number];
}

const COUNT_CALLS = `
import gc
import numpy as np
import loom_py as nn
from loom_py.executors.webgpu.browser import browser_host
from test_calls import calls

x = np.random.default_rng(0).standard_normal((16, 4)).astype(np.float32)
y = np.arange(16) % 3

def made():
    return nn.Network.of(4, [nn.Dense(4, 8, activation="tanh"), nn.Dense(8, 3)], seed=1).to("webgpu")

def fit(net, steps):
    net.fit(x, y, nn.TrainingConfig(epochs=steps, batch_size=16))

def alive(what):
    gc.collect()
    return browser_host()._gpu.counters()[what]

net = made()
fit(net, 4)
before = calls.to_py()
buffers, plans = alive("buffers"), alive("plans")
fit(net, 40)
called = {name: count - before[name] for name, count in calls.to_py().items() if count > before[name]}
called.pop("counters")
for _ in range(3):
    fit(made(), 2)
{"calls": called, "buffers": [buffers, alive("buffers")], "plans": [plans, alive("plans")]}
`;

/** Train a network on a device and collect the results; runs in the page. */
async function train(device: "webgpu" | "numpy") {
  const { createLoom, countAlive } = window.bridge;
  const loom = await createLoom();
  const layers = [
    { type: "Dense", inputs: 2, outputs: 16, activation: "tanh" },
    { type: "Dense", inputs: 16, outputs: 2 },
  ] as const;
  const net = await loom.network({ input_shape: [2], seed: 3, layers });
  await net.to(device);
  const x = Array.from({ length: 64 }, (_, i) => [Math.cos(i * 2.399), Math.sin(i * 2.399)]);
  const y = x.map(([a = 0, b = 0]) => (a * b > 0 ? 1 : 0));
  const stream = net.observe();
  const kinds = new Set<string>();
  const watching = (async () => {
    for await (const message of stream) kinds.add(message.kind);
  })();
  const steps: number[] = [];
  const onEvent = ({ type, step }: { type: string; step: number | null }) => {
    if (type === "batch_end" && step !== null) steps.push(step);
  };
  let over = false;
  const options = { epochs: 10, batch_size: 16, learning_rate: 0.3 };
  const done = net.fit(x, y, options, { onEvent }).finally(() => {
    over = true;
  });
  let answers = 0;
  while (!over) {
    await net.forward([0.1, 0.2]); // each waits for its turn and for the GPU during the training
    answers += 1;
  }
  const { loss_history } = await done;
  const output = await net.forward([0.1, 0.2]);
  await stream.close();
  await watching;
  await net.dispose();
  const left = await countAlive(loom);
  await loom.dispose();
  return { loss_history, steps, answers, kinds: [...kinds].sort(), left, output: [...output.data] };
}

test("through the bridge: calls and training wait for the GPU, and other calls are answered meanwhile", async ({
  page,
}) => {
  await openWithGPU(page);
  const gpu = await page.evaluate(train, "webgpu" as const);
  const numpy = await page.evaluate(train, "numpy" as const);
  expect(gpu.loss_history).toHaveLength(10);
  gpu.loss_history.forEach((loss, at) => {
    expect(loss).toBeCloseTo(numpy.loss_history[at] as number, 4);
  });
  gpu.output.forEach((value, at) => {
    expect(value).toBeCloseTo(numpy.output[at] as number, 4);
  });
  expect(gpu.steps).toEqual(numpy.steps);
  expect(gpu.steps).toHaveLength(40);
  expect(gpu.answers).toBeGreaterThan(0);
  expect(gpu.kinds).toEqual(numpy.kinds);
  expect(gpu.left).toBe(0);
});

const LACKING = {
  "a browser without WebGPU": ["delete WorkerNavigator.prototype.gpu;", "no WebGPU"],
  "a browser in which Python can't wait": ["delete WebAssembly.Suspending;", "JSPI"],
  "a GPU that does not answer": ["GPU.prototype.requestAdapter = () => new Promise(() => {});", "no answer within 2 s"],
} as const;

for (const [title, [lack, words]] of Object.entries(LACKING)) {
  test(`${title}: the error has the reason, and everything else works`, async ({ page }) => {
    await openWithGPU(page);
    const seen = await page.evaluate(async (lack) => {
      // The real worker, with a feature removed before its first line.
      const worker = new URL("/bridge/worker.ts?worker_file&type=module", location.href).href;
      const script = (code: string) => URL.createObjectURL(new Blob([code], { type: "text/javascript" }));
      const workerURL = script(`import "${script(lack)}"; import "${worker}";`);
      const loom = await window.bridge.createLoom({ workerURL });
      const net = await loom.network({ input_shape: [2], layers: [{ type: "Dense", inputs: 2, outputs: 2 }] });
      const refused = await net.to("webgpu").then(
        () => undefined,
        ({ code, message }: Bridge.LoomError) => ({ code, message }),
      );
      const { data } = await net.forward([1, 2]);
      const reason = await net.gpuUnavailableReason();
      await loom.dispose();
      return { refused, reason, outputs: data.length };
    }, lack);
    expect(seen.refused).toEqual({ code: "unavailable", message: expect.stringContaining(words) });
    expect(seen.reason).toContain(words);
    expect(seen.outputs).toBe(2);
  });
}
