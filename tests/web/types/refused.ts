// What must not compile. Each mark fails the build where the line below it is accepted.

import type {
  AnyLoomError,
  direct,
  LayerConfig,
  Loom,
  NDArray,
  Network,
  TrainingConfig,
  TrainingEvent,
} from "../../../web/generated/loom.d.ts";

export async function refused(
  loom: Loom,
  net: Network,
  near: direct.Network,
  event: TrainingEvent,
): Promise<unknown[]> {
  return [
    // @ts-expect-error: a promise is no result
    net.forwardCPU([1]).output,
    // @ts-expect-error: the direct face gives no promise
    near.forwardCPU([1]).then(String),
    // @ts-expect-error: Python's spelling is not JavaScript's
    net.forward_cpu([1]),
    // @ts-expect-error: acronyms have capitals
    net.forwardCpu([1]),
    // @ts-expect-error: an input is required
    net.forward(),
    // @ts-expect-error: text is no array
    net.forward("1, 2"),
    // @ts-expect-error: neither are texts in a list
    net.forward(["1"]),
    // @ts-expect-error: data without a shape is no array
    net.forward({ data: new Float32Array(1) }),
    // @ts-expect-error: an argument by name is not given by position
    net.forwardCPU([1], true),
    // @ts-expect-error: there is no such option
    net.forwardCPU([1], { learning: true }),
    // @ts-expect-error: there is no such optimizer
    net.setOptimizer("sdg"),
    // @ts-expect-error: there is no such device
    net.to("tpu"),
    // @ts-expect-error: a network needs its input's shape
    loom.network({ layers: [] }),
    // @ts-expect-error: a network is no observer
    net.addObserver(net),
    // @ts-expect-error: a sink can't be sent to a worker, so nobody can make this observer there
    loom.canvasObserver(() => {}),
    // @ts-expect-error: callbacks are the network's to call
    (await loom.recordingObserver()).onTrainingEvent(event),
    // @ts-expect-error: a signal steers long calls alone
    net.forwardCPU([1], { signal: new AbortController().signal }),
    // @ts-expect-error: there is no such event
    event.type === "epoch",
  ];
}

export const layers: LayerConfig[] = [
  // @ts-expect-error: the type is required
  { inputs: 1, outputs: 1 },
  // @ts-expect-error: there is no such layer
  { type: "Denes", inputs: 1, outputs: 1 },
  // @ts-expect-error: another layer's key
  { type: "Dropout", rate: 0.5, inputs: 1 },
  // @ts-expect-error: keys are Python's
  { type: "Softmax", Temperature: 1 },
  // @ts-expect-error: there is no such activation
  { type: "Dense", inputs: 1, outputs: 1, activation: "rellu" },
  // @ts-expect-error: outputs are missing
  { type: "Dense", inputs: 1 },
];

export const training: TrainingConfig[] = [
  // @ts-expect-error: keys are Python's
  { learningRate: 1 },
  // @ts-expect-error: there is no such loss
  { loss: "cross entropy" },
  // @ts-expect-error: a number is wanted
  { epochs: "3" },
  // @ts-expect-error: options name their type
  { optimizer: { momentum: 0.9 } },
  // @ts-expect-error: another optimizer's option
  { optimizer: { type: "Adam", momentum: 0.9 } },
  // @ts-expect-error: a loss is no optimizer
  { optimizer: { type: "Huber" } },
  // @ts-expect-error: steps are missing
  { schedule: { type: "Cosine" } },
  // @ts-expect-error: a schedule has no short name
  { schedule: "cosine" },
];

export function readOnly(array: NDArray, error: AnyLoomError): string {
  // @ts-expect-error: shapes can't be changed
  array.shape[0] = 1;
  // @ts-expect-error: results can't be exchanged
  array.data = new Float32Array(1);
  // @ts-expect-error: there is no such code
  if (error.code === "shapes") return "";
  return error.code;
}
