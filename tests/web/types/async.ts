// The async API as its users write it: this file need only compile, with TypeScript 5.9 and 7, strict.

import { RunControl } from "../../../web/bridge/control.ts";
import type {
  BackwardResult,
  Blueprint,
  CreateLoom,
  ForwardResult,
  HalfArray,
  LayerStats,
  Loom,
  NDArray,
  Network,
  NetworkConfig,
  ObservationMessage,
  OptimizerConfig,
  RecordingObserver,
  ScheduleConfig,
  TrainingConfig,
  TrainingEvent,
  TrainingResult,
} from "../../../web/generated/loom.d.ts";
import type { Holds, IsAny, Same } from "./same.ts";

export const config: NetworkConfig = {
  input_shape: [64],
  grid: { rows: 1, cols: 1, layers_per_cell: 3 },
  seed: 0,
  layers: [
    { type: "Dense", inputs: 64, outputs: 32, activation: "relu" },
    { type: "LayerNorm", dim: 32, eps: 1e-6 },
    { type: "Softmax" },
  ],
};

export async function firstLight(createLoom: CreateLoom, signal: AbortSignal): Promise<TrainingResult> {
  await using loom = await createLoom({
    onProgress: ({ phase, loaded, total, text }) => log(phase, loaded, total, text),
  });
  await using net = await loom.network(config);
  const { output, duration_ns } = await net.forwardCPU(new Float32Array(64), { training: true });
  log(output.data.length, output.shape.join("×"), duration_ns);
  const { loss, grad } = await loom.crossEntropyLossGrad(output, [3]);
  const back = await net.backwardCPU(grad);
  if (back.input_gradient) log(back.input_gradient.data[0] ?? Number.NaN, loss);
  await net.applyGradients(0.01);
  const control = new RunControl();
  return net.fit([[0], [1]], new Uint8Array([0, 1]), { epochs: 2, optimizer: "adam" }, { signal, onEvent, control });
}

function onEvent(event: TrainingEvent): void {
  switch (event.type) {
    case "anomaly":
      log(event.path, event.text);
      break;
    case "train_start":
    case "epoch_start":
    case "batch_start":
    case "batch_end":
    case "validation":
    case "epoch_end":
    case "train_end":
      log(event.loss, event.step);
      break;
    default:
      never(event);
  }
}

export async function watch(net: Network): Promise<void> {
  await using messages = net.observe({ every: 10, layers: ["0"] });
  for await (const message of messages) {
    if (message.kind === "stats") log(message.columns.indexOf("layer"), message.data.subarray(0, message.rows));
    else if (message.kind === "training") log(message.types[0]);
    else if (message.kind === "blueprint") log(message.blueprint.layers[0]?.children.length);
    else if (message.kind === "anomaly") log(message.event.text);
    else never(message);
  }
}

export async function record(loom: Loom, net: Network): Promise<void> {
  const recording = await loom.recordingObserver({ capacity: 100 });
  await net.addObserver(await loom.diagnosticObserver({ every: 2, capacity: 10 }));
  await net.setObserver(recording);
  await net.setObserver(null);
  for (const stats of await recording.getHistory()) {
    if (stats.phase === "forward" && stats.output_max > 100) log(stats.path, stats.input_shape.length);
  }
}

export async function everyInput(net: Network): Promise<void> {
  await net.forward([1, 2, 3]);
  await net.forward([
    [1, 2],
    [3, 4],
  ]);
  await net.forward(new Float64Array(4));
  await net.forward({ data: new Uint8Array(4), shape: [2, 2] });
  await net.forward(await net.forward([1]));
  await net.setParameters({ "0.weight": await net.forward([1]), "0.bias": [0, 0] });
  await net.train([{ input: [[1]], target: [0] }], null);
  await net.setLayer(0, 0, 0, { type: "Dropout", rate: 0.5 });
  await net.setOptimizer({ type: "AdamW", weight_decay: 0.1 });
}

export const options: TrainingConfig = {
  loss: { type: "CrossEntropy", label_smoothing: 0.1, class_weights: [1, 2] },
  optimizer: { type: "SGD", momentum: 0.9, nesterov: true },
  schedule: { type: "WarmUp", steps: 10, inner: { type: "Cosine", steps: 100, restarts: true } },
  early_stopping: { patience: 3 },
  groups: [{ axes: "vectors", weight_decay: 0 }],
};

/** Options are distinguished by their type. */
export function momentumOf(optimizer: OptimizerConfig): number | undefined {
  return optimizer.type === "SGD" || optimizer.type === "RMSProp" ? optimizer.momentum : undefined;
}

// Results are exact.
export type Results = [
  Holds<Same<Awaited<ReturnType<Network["forward"]>>, NDArray>>,
  Holds<Same<Awaited<ReturnType<Network["forwardCPU"]>>, ForwardResult>>,
  Holds<Same<Awaited<ReturnType<Network["backwardCPU"]>>, BackwardResult>>,
  Holds<Same<Awaited<ReturnType<Network["getBlueprint"]>>, Blueprint>>,
  Holds<Same<Awaited<ReturnType<Network["toConfig"]>>, NetworkConfig>>,
  Holds<Same<Awaited<ReturnType<RecordingObserver["getHistory"]>>, readonly LayerStats[]>>,
  Holds<Same<ForwardResult["output"]["data"], Float32Array>>,
  Holds<Same<TrainingResult["stopped_because"], "finished" | "early_stopping" | "anomaly" | "cancelled">>,
  Holds<Same<ObservationMessage["kind"], "blueprint" | "stats" | "training" | "anomaly">>,
  Holds<Same<LayerStats["phase"], "forward" | "backward">>,
  Holds<Same<OptimizerConfig["type"], "Adam" | "AdamW" | "Lion" | "RMSProp" | "SGD">>,
  Holds<Same<Extract<ScheduleConfig, { type: "WarmUp" }>["inner"], ScheduleConfig>>,
];

// Every member of the async API except streams and symbols is a function that returns a promise; none is any.
type Asynchronous<T, Besides extends keyof T = never> = {
  [K in Exclude<keyof T, Besides | symbol>]: T[K] extends (...given: never[]) => infer R
    ? IsAny<R> extends true
      ? never
      : R extends Promise<unknown>
        ? true
        : never
    : never;
}[Exclude<keyof T, Besides | symbol>];

export type AllPromises = [
  Holds<Same<Asynchronous<Network, "observe">, true>>,
  Holds<Same<Asynchronous<Loom>, true>>,
  Holds<Same<Asynchronous<RecordingObserver>, true>>,
];

declare function log(...things: unknown[]): void;
declare function never(thing: never): void;

export function inputs(loom: Loom, net: Network, file: File, half: HalfArray): Promise<unknown>[] {
  const shaped = { data: half, shape: [2, 2] };
  return [loom.loadModel(file), net.loadTorchWeights(new ArrayBuffer(8)), net.forward(half), net.forward(shaped)];
}
