// Code that must not compile: each mark fails the build if the line below it is accepted.

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
    // @ts-expect-error: a promise is not a result
    net.forwardCPU([1]).output,
    // @ts-expect-error: the sync API returns no promise
    near.forwardCPU([1]).then(String),
    // @ts-expect-error: names are in JavaScript's spelling
    net.forward_cpu([1]),
    // @ts-expect-error: acronyms are in capitals
    net.forwardCpu([1]),
    // @ts-expect-error: an input is required
    net.forward(),
    // @ts-expect-error: a text is not an array
    net.forward("1, 2"),
    // @ts-expect-error: nor is a list of texts
    net.forward(["1"]),
    // @ts-expect-error: bytes are no numbers
    net.forward(new ArrayBuffer(4)),
    // @ts-expect-error: nor are those of a file
    net.forward(new Blob([])),
    // @ts-expect-error: a file is read in a worker only
    near.loadTorchWeights(new Blob([])),
    // @ts-expect-error: data needs a shape
    net.forward({ data: new Float32Array(1) }),
    // @ts-expect-error: a keyword-only argument is not positional
    net.forwardCPU([1], true),
    // @ts-expect-error: there is no such option
    net.forwardCPU([1], { learning: true }),
    // @ts-expect-error: there is no such optimizer
    net.setOptimizer("sdg"),
    // @ts-expect-error: there is no such device
    net.to("tpu"),
    // @ts-expect-error: a network needs an input shape
    loom.network({ layers: [] }),
    // @ts-expect-error: a network is not an observer
    net.addObserver(net),
    // @ts-expect-error: a function can't be sent to a worker, so this observer does not exist there
    loom.canvasObserver(() => {}),
    // @ts-expect-error: only the network calls callbacks
    (await loom.recordingObserver()).onTrainingEvent(event),
    // @ts-expect-error: only long calls take a signal
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
  // @ts-expect-error: a number is required
  { epochs: "3" },
  // @ts-expect-error: options need a type
  { optimizer: { momentum: 0.9 } },
  // @ts-expect-error: another optimizer's option
  { optimizer: { type: "Adam", momentum: 0.9 } },
  // @ts-expect-error: a loss is not an optimizer
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
