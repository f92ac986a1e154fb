import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { countAlive, LoomError, openDirect, RunControl, transfer } from "../../../web/bridge/index.ts";
import type {
  Loom,
  NetworkConfig,
  ObservationMessage,
  OptimizerConfig,
  TrainingEvent,
} from "../../../web/generated/loom.d.ts";
import { type Bridge, loadPython, type OpenPyodide, openBridge } from "./in-pyodide.ts";

const CONFIG: NetworkConfig = {
  input_shape: [2],
  seed: 7,
  layers: [
    { type: "Dense", inputs: 2, outputs: 8, activation: "tanh" },
    { type: "Dense", inputs: 8, outputs: 2 },
  ],
};

/** Points of the plane, labelled by the sign of x·y: not linearly separable. */
function corners(samples: number): { x: { data: Float32Array; shape: number[] }; y: Int32Array } {
  const data = new Float32Array(samples * 2);
  const y = new Int32Array(samples);
  for (let i = 0; i < samples; i++) {
    const [a, b] = [Math.cos(i * 2.399), Math.sin(i * 2.399)]; // the golden angle spreads them evenly
    data.set([a, b], i * 2);
    y[i] = a * b > 0 ? 1 : 0;
  }
  return { x: { data, shape: [samples, 2] }, y };
}

async function errorOf(work: Promise<unknown>): Promise<LoomError> {
  const error = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(LoomError);
  return error as LoomError;
}

let pyodide: OpenPyodide;
let bridge: Bridge;
let loom: Loom;

beforeAll(async () => {
  pyodide = await loadPython();
  bridge = await openBridge(pyodide);
  loom = bridge.loom;
}, 60_000);

afterAll(() => loom.dispose());

describe("calls", () => {
  test("a network is made, run and freed", async () => {
    const net = await loom.network(CONFIG);
    expect(await countAlive(loom)).toBe(1);
    const { output, duration_ns } = await net.forwardCPU([[0.5, -0.5]]);
    expect(output.shape).toEqual([1, 2]);
    expect(output.data).toBeInstanceOf(Float32Array);
    expect(duration_ns).toBeGreaterThan(0);
    const single = await net.forward(new Float32Array([0.5, -0.5]));
    expect(single.shape).toEqual([2]);
    expect([...single.data]).toEqual([...output.data]);
    expect((await net.getBlueprint()).total_params).toBe(2 * 8 + 8 + 8 * 2 + 2);
    expect(await net.hasMethod("ForwardCPU")).toBe(true);
    await net.dispose();
    expect(await countAlive(loom)).toBe(0);
    expect((await errorOf(net.forward([1, 2]))).code).toBe("state");
  });

  test("NaN and infinity survive in both directions", async () => {
    const { loss, grad } = await loom.mseLossGrad([[Number.NaN, Number.POSITIVE_INFINITY]], [[0, 0]]);
    expect(loss).toBeNaN();
    expect(grad.data[0]).toBeNaN();
    expect(grad.data[1]).toBe(Number.POSITIVE_INFINITY);
  });

  test("an array marked for transfer is moved", async () => {
    const net = await loom.network(CONFIG);
    const data = transfer(new Float32Array([1, 2, 3, 4]));
    const { shape } = await net.forward({ data, shape: [2, 2] });
    expect(shape).toEqual([2, 2]);
    expect(data.length).toBe(0);
    await net.dispose();
  });

  test("a network saved to bytes loads unchanged", async () => {
    const net = await loom.network(CONFIG);
    const bytes = await net.saveModel();
    expect(bytes).toBeInstanceOf(Uint8Array);
    const again = await loom.loadModel(bytes);
    expect(await again.toConfig()).toEqual(await net.toConfig());
    expect([...(await again.forward([1, 2])).data]).toEqual([...(await net.forward([1, 2])).data]);
    expect((await errorOf(loom.loadModel(bytes.subarray(0, 20)))).code).toBe("file_format");
    await Promise.all([net.dispose(), again.dispose()]);
  });

  test("options are plain data, distinguished by their type", async () => {
    const { x, y } = corners(64);
    const lossWith = async (optimizer: OptimizerConfig | "sgd") => {
      const net = await loom.network(CONFIG);
      const { final_loss } = await net.fit(x, y, {
        epochs: 5,
        optimizer,
        loss: { type: "CrossEntropy", label_smoothing: 0 },
        schedule: { type: "WarmUp", steps: 2, inner: { type: "Linear", steps: 10 } },
        early_stopping: { patience: 3 },
      });
      await net.dispose();
      return final_loss;
    };
    const plain = await lossWith("sgd");
    expect(await lossWith({ type: "SGD" })).toBe(plain);
    expect(await lossWith({ type: "SGD", momentum: 0.9 })).toBeLessThan(plain);
    const error = await errorOf(lossWith({ type: "SGD", momentum: 2 }));
    expect([error.code, error.message]).toEqual(["config", expect.stringContaining("SGD.momentum: expected a number")]);
  });

  test("NaN in a record is a number", async () => {
    const metrics = await loom.deviationMetrics();
    await metrics.update([Number.NaN], [1]);
    expect((await metrics.getWorstSamples(1))[0]?.deviation).toBeNaN();
    await metrics.dispose();
  });

  test("the library describes itself", async () => {
    expect(await loom.describe()).toMatchObject({ schema_version: 1 });
    expect(await loom.typegen()).toContain("export interface Network");
  });

  test("an omitted argument in the middle keeps its default", async () => {
    const net = await loom.network(CONFIG);
    const { x, y } = corners(8);
    const result = await net.fit(x, y, undefined, {});
    expect(result.epochs_run).toBe(1);
    await net.dispose();
  });
});

describe("objects that the page no longer uses", () => {
  setFlagsFromString("--expose-gc");
  const collect: () => void = runInNewContext("gc");
  /** Collect garbage until `alive` objects are left in the worker, for a number of rounds at most. */
  async function collectUntil(alive: number, rounds: number): Promise<number> {
    for (let round = 0; round < rounds; round++) {
      collect();
      await new Promise((resolve) => setTimeout(resolve, 5));
      if ((await countAlive(loom)) === alive) break;
    }
    return countAlive(loom);
  }

  test("are freed", async () => {
    await (await loom.network(CONFIG)).forward([1, 2]);
    expect(await collectUntil(0, 50)).toBe(0);
  });

  test("are kept while one of their calls or streams is running", async () => {
    const { x, y } = corners(64);
    const abort = new AbortController();
    const begin = async () => {
      const net = await loom.network(CONFIG);
      return { done: net.fit(x, y, { epochs: 1_000_000 }, { signal: abort.signal }), stream: net.observe() };
    };
    const { done, stream } = await begin();
    await stream.next();
    expect(await collectUntil(0, 5)).toBe(1);
    abort.abort();
    expect((await done).stopped_because).toBe("cancelled");
    expect(await collectUntil(0, 5)).toBe(1);
    await stream.close();
    expect(bridge.rpc.waiting).toBe(0);
  });

  test("are all freed in the end", async () => {
    expect(await collectUntil(0, 50)).toBe(0);
  });
});

describe("errors", () => {
  test.each([
    ["not an object", 3, "ConfigError", /expected a dict, got int/],
    ["an unknown layer", { input_shape: [2], layers: [{ type: "Densest" }] }, "ConfigError", /Densest/],
    [
      "an unknown activation",
      { input_shape: [2], layers: [{ type: "Dense", inputs: 2, outputs: 1, activation: "swoosh" }] },
      "ConfigError",
      /swoosh/,
    ],
    [
      "layers that do not fit",
      { input_shape: [2], layers: [{ type: "Dense", inputs: 3, outputs: 1 }] },
      "ShapeError",
      /expected/,
    ],
  ])("a config that is %s is refused with Python's message", async (_, config, name, words) => {
    const error = await errorOf(loom.network(config as never));
    expect(error.name).toBe(name);
    expect(error.message).toMatch(words);
    expect(error.traceback).toBeUndefined();
    expect(await countAlive(loom)).toBe(0);
  });

  test("a wrong shape is refused and changes nothing", async () => {
    const net = await loom.network(CONFIG);
    const before = await net.parameters();
    const error = await errorOf(net.fit([[1, 2, 3]], [0]));
    expect([error.name, error.code]).toEqual(["ShapeError", "shape"]);
    expect(await net.parameters()).toEqual(before);
    expect((await errorOf(net.forward({ data: new Float32Array(3), shape: [2, 2] }))).code).toBe("shape");
    await net.dispose();
  });

  test.each(["_assemble", "__init__", "__class__", "engine.x", "no_such_name"])("%s is not public", async (method) => {
    const net = await loom.network(CONFIG);
    const target = (net as unknown as { reference: { $handle: number } }).reference.$handle;
    const error = await errorOf(bridge.rpc.call({ target, method, args: [], options: {} }).value);
    expect([error.name, error.code]).toEqual(["NotPublicError", "not_public"]);
    await net.dispose();
  });

  test("anything but plain data is refused before it is sent", async () => {
    const error = await errorOf(loom.network({ ...CONFIG, seed: (() => 1) as never }));
    expect(error.code).toBe("data");
    expect(error.message).toMatch(/can't be sent/);
  });

  test("a message that Python can't read is an error of its call alone", async () => {
    const net = await loom.network(CONFIG);
    const target = (net as unknown as { reference: { $handle: number } }).reference.$handle;
    const raw = [
      new Map([[{}, 1]]),
      new Date(0),
      [new Set([1, true])],
      { $handle: [target] },
      { $bytes: "a" },
      2n ** 70n,
    ];
    for (const value of raw) {
      const call = { target, method: "forward", args: [value as never], options: {} };
      const error = await errorOf(bridge.rpc.call(call).value);
      expect([error.message, error.code]).not.toContain("worker");
    }
    for (const message of [
      { kind: "abort", id: new Map([[{}, 1]]) },
      { kind: "noise" },
      { kind: "steer", id: "1" },
      42,
    ]) {
      bridge.rpc.post(message as never);
    }
    expect((await net.forward([1, 2])).shape).toEqual([2]);
    await net.dispose();
  });

  test("a value used twice is two values, in both APIs", async () => {
    const net = await loom.network(CONFIG);
    const near = openDirect(pyodide);
    const nearNet = near.network(CONFIG);
    const row = [0.5, -0.5];
    const [x, y] = [
      [row, row, row],
      [0, 1, 1],
    ];
    for (let round = 0; round < 100; round++) {
      const { loss } = await loom.mseLossGrad(x, x);
      expect([loss, near.mseLossGrad(x, x).loss]).toEqual([0, 0]);
    }
    const config = { epochs: 2, validation: [x, y] as const };
    expect((await net.fit(x, y, config)).steps).toBe(nearNet.fit(x, y, config).steps);
    near.dispose();
    await net.dispose();
  });

  test("too many arguments and unknown options are named", async () => {
    const net = await loom.network(CONFIG);
    const forward = net.forward as (...args: unknown[]) => Promise<unknown>;
    expect((await errorOf(forward.call(net, [1, 2], 3))).message).toMatch(/forward: expected/);
    expect((await errorOf(forward.call(net, [1, 2], { loud: true }))).message).toMatch(/loud/);
    await net.dispose();
  });
});

describe("training", () => {
  test("learns, emits its events in order, and returns the result", async () => {
    const net = await loom.network(CONFIG);
    const { x, y } = corners(64);
    const events: TrainingEvent[] = [];
    const config = { epochs: 40, learning_rate: 0.05, optimizer: "adam" as const, batch_size: 16 };
    const result = await net.fit(x, y, config, { onEvent: (event) => events.push(event) });
    expect(result.stopped_because).toBe("finished");
    expect(result.loss_history.length).toBe(40);
    expect(result.final_loss).toBeLessThan((result.loss_history[0] as number) / 2);
    expect(events[0]?.type).toBe("train_start");
    expect(events.at(-1)?.type).toBe("train_end");
    expect(events.filter(({ type }) => type === "batch_end").map(({ step }) => step)).toEqual(
      Array.from({ length: 160 }, (_, i) => i + 1),
    );
    const batches = [{ input: [[0.1, 0.2]], target: [1] }];
    expect((await net.train(batches, { epochs: 2 })).steps).toBe(2);
    await net.dispose();
  });

  test("returns its results so far when aborted; other calls are answered meanwhile", async () => {
    const net = await loom.network(CONFIG);
    const { x, y } = corners(64);
    const abort = new AbortController();
    let steps = 0;
    const done = net.fit(x, y, { epochs: 1_000_000 }, { signal: abort.signal, onEvent: () => steps++ });
    expect((await net.forward([1, 2])).shape).toEqual([2]);
    expect((await errorOf(net.fit(x, y))).message).toMatch(/no other long call/);
    while (steps < 100) await net.device();
    abort.abort();
    const result = await done;
    expect(result.stopped_because).toBe("cancelled");
    expect(result.epochs_run).toBeGreaterThan(0);
    expect(result.loss_history.length).toBe(result.epochs_run);
    expect((await errorOf(net.fit(x, y, {}, { signal: abort.signal }))).code).toBe("cancelled");
    await net.dispose();
  });

  test("pauses, steps and resumes", async () => {
    const net = await loom.network(CONFIG);
    const { x, y } = corners(64);
    const control = new RunControl();
    const steps: number[] = [];
    const rest = async () => {
      for (let i = 0; i < 5; i++) await new Promise((resolve) => setTimeout(resolve, 10));
    };
    control.pause();
    const onEvent = (event: TrainingEvent) => event.type === "batch_end" && steps.push(event.step);
    const done = net.fit(x, y, { epochs: 3, batch_size: 16 }, { control, onEvent });
    await rest();
    expect(steps).toEqual([]);
    control.step(2);
    await rest();
    expect(steps).toEqual([1, 2]);
    control.step();
    await rest();
    expect(steps).toEqual([1, 2, 3]);
    expect(control.paused).toBe(true);
    control.resume();
    expect((await done).steps).toBe(12);
    await net.dispose();
  });

  test("disposing a network ends its training and its streams", async () => {
    const net = await loom.network(CONFIG);
    const { x, y } = corners(64);
    const stream = net.observe();
    const control = new RunControl();
    control.pause();
    const done = net.fit(x, y, { epochs: 1_000_000 }, { control });
    await net.dispose();
    expect((await done).stopped_because).toBe("cancelled");
    const kinds = [];
    for await (const message of stream) kinds.push(message.kind);
    expect(kinds[0]).toBe("blueprint");
    expect(bridge.rpc.waiting).toBe(0);
  });
});

describe("observation", () => {
  test("starts with the blueprint, then columns; ends on break", async () => {
    const net = await loom.network(CONFIG);
    const { x, y } = corners(64);
    const stream = net.observe({ every: 2 });
    const done = net.fit(x, y, { epochs: 4, batch_size: 16 });
    const seen: ObservationMessage[] = [];
    for await (const message of stream) {
      seen.push(message);
      if (message.kind === "training" && message.types.includes("train_end")) break;
    }
    await done;
    expect(seen[0]).toMatchObject({ kind: "blueprint", blueprint: { total_layers: 2 } });
    const stats = seen.filter((message) => message.kind === "stats");
    const rows = stats.reduce((sum, message) => sum + message.rows, 0);
    expect(rows).toBe(8 * 2 * 2); // every second of 16 steps, two layers, two phases
    for (const { data, columns, rows } of stats) {
      expect(data).toBeInstanceOf(Float32Array);
      expect(data.length).toBe(columns.length * rows);
    }
    expect(bridge.rpc.waiting).toBe(0);
    await net.dispose();
  });

  test("an option out of range ends the stream with the error", async () => {
    const net = await loom.network(CONFIG);
    const error = await errorOf(net.observe({ every: 0 }).next());
    expect(error.code).toBe("config");
    await net.dispose();
  });

  test("observers are objects of their own", async () => {
    const net = await loom.network(CONFIG);
    const recording = await loom.recordingObserver({ every: 1 });
    await net.addObserver(recording);
    await net.forward([1, 2]);
    const history = await recording.getHistory();
    expect(history.map(({ path }) => path)).toEqual(["0", "1"]);
    await Promise.all([net.dispose(), recording.dispose()]);
    expect(await countAlive(loom)).toBe(0);
  });
});

describe("the sync API", () => {
  const open = () => openDirect(pyodide);

  test("returns results at once, with fields for properties", () => {
    const direct = open();
    const net = direct.network(CONFIG);
    expect(net.forward([[1, 2]]).shape).toEqual([1, 2]);
    expect(net.to("numpy")).toBe(net);
    expect(net.device).toBe("numpy");
    const { x, y } = corners(32);
    expect(net.fit(x, y, { epochs: 2, batch_size: 16 }).steps).toBe(4);
    net.dispose();
    expect(() => net.forward([1, 2])).toThrow(/disposed/);
    direct.dispose();
    expect(() => direct.network(CONFIG)).toThrow(/disposed/);
  });

  test("throws Python's errors as its own", () => {
    const direct = open();
    expect(() => direct.network(3 as never)).toThrow(LoomError);
    expect(() => direct.network({ ...CONFIG, layers: [{ type: "Densest" }] } as never)).toThrow(/Densest/);
    direct.dispose();
  });

  test("an object of another library is refused", () => {
    const [direct, other] = [open(), open()];
    const foreign = other.recordingObserver();
    expect(() => direct.network(CONFIG).addObserver(foreign)).toThrow(/a RecordingObserver of another one/);
    direct.dispose();
    other.dispose();
  });

  test("calls functions given as arguments, with plain data", () => {
    const direct = open();
    const net = direct.network(CONFIG);
    const heard: ObservationMessage[] = [];
    const observer = direct.canvasObserver((message) => heard.push(message as unknown as ObservationMessage));
    net.addObserver(observer);
    net.forward([1, 2]);
    observer.flush();
    expect(heard.map(({ kind }) => kind)).toEqual(["blueprint", "stats"]);
    const stats = heard[1];
    expect(stats?.kind === "stats" && stats.data).toBeInstanceOf(Float32Array);
    direct.dispose();
  });

  test("a function that throws is detached, and the call continues", () => {
    const direct = open();
    const net = direct.network(CONFIG);
    let calls = 0;
    const observer = direct.canvasObserver(() => {
      calls += 1;
      if (calls > 1) throw new Error("no more");
    });
    net.addObserver(observer);
    const { x, y } = corners(32);
    expect(net.fit(x, y, { epochs: 3, batch_size: 16 }).steps).toBe(6);
    direct.dispose();
  });
});

describe("HTTP requests of Python", () => {
  const ask = async (address: string, options: string) => {
    const code = `
from loom_py.runtime import fetch
try:
    answer = await fetch("${address}", ${options})
    said = [answer.status, answer.headers.get("x-seen", ""), answer.body.decode()]
except OSError as error:
    said = ["OSError", str(error)]
" | ".join(map(str, said))`;
    return (await pyodide.runPythonAsync(code)) as string;
  };
  let server: Server;
  let address: string;

  beforeAll(async () => {
    server = createServer((request, response) => {
      const parts: Buffer[] = [];
      request.on("data", (part: Buffer) => parts.push(part));
      request.on("end", () => {
        if (request.url === "/slow") return;
        response.writeHead(request.url === "/busy" ? 503 : 200, { "x-seen": `${request.headers["x-key"]}` });
        response.end(`${request.method} ${Buffer.concat(parts).length}`);
      });
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });

  afterAll(() => {
    server.closeAllConnections();
    server.close();
  });

  test("carry method, headers and bytes, and return any response", async () => {
    expect(await ask(address, 'method="POST", headers={"x-key": "a"}, body=bytes(5)')).toBe("200 | a | POST 5");
    expect(await ask(`${address}/busy`, 'method="POST", body=b"", keepalive=True')).toBe("503 | undefined | POST 0");
  });

  test("raise OSError without a response, or after the timeout", async () => {
    expect(await ask(`${address}/slow`, "timeout_s=0.05")).toMatch(/^OSError .*timeout/);
    expect(await ask("http://127.0.0.1:1/", "timeout_s=5")).toMatch(/^OSError .*http:\/\/127\.0\.0\.1:1\//);
  });
});

test("a thousand calls leak no proxy and no handle", async () => {
  pyodide._module.enable_pyproxy_allocation_tracing();
  const alive = () => pyodide._module.pyproxy_alloc_map.size;
  const empty = alive();
  const kept = pyodide.runPython("[]") as { destroy(): void };
  expect(alive()).toBeGreaterThan(empty); // the count sees a leak
  kept.destroy();
  const net = await loom.network(CONFIG);
  const { x, y } = corners(16);
  const round = async (calls: number) => {
    for (let i = 0; i < calls; i++) await net.forward([i, -i]);
    await net.fit(x, y, { epochs: 3 }, { onEvent: () => {} });
    await errorOf(net.forward([1, 2, 3]));
    const stream = net.observe();
    await stream.next();
    await stream.close();
  };
  expect(await countAlive(loom)).toBe(1);
  await round(10);
  const before = alive();
  await round(1000);
  expect(alive()).toBe(before);
  await net.dispose();
  expect(await countAlive(loom)).toBe(0);
  expect(bridge.rpc.waiting).toBe(0);
});

test("when Python dies, the running call and later ones report it", () => {
  const direct = openDirect(pyodide);
  const net = direct.network(CONFIG);
  const said = console.error;
  console.error = () => {}; // Pyodide reports its death at length
  try {
    const observer = direct.canvasObserver(() => pyodide._api.fatal_error(new Error("struck by lightning")));
    expect(() => net.addObserver(observer)).toThrow(/Python stopped for good: .*struck by lightning/);
    expect(() => net.forward([1, 2])).toThrow(/Python stopped for good/);
  } finally {
    console.error = said;
  }
});
