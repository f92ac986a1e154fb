import { LoomError } from "../bridge/index.ts";
import type {
  LayerConfig,
  Network,
  NetworkConfig,
  OptimizerConfig,
  OptimizerName,
  TrainingConfig,
} from "../generated/loom.d.ts";

/** Choices of the form. */
export interface Settings {
  readonly preset: PresetName;
  readonly activation: Activation;
  readonly optimizer: OptimizerChoice;
  readonly learningRate: number;
  readonly batchSize: number;
  readonly epochs: number;
}

export type OptimizerChoice = OptimizerName | "sgd_momentum";
export type PresetName = "small" | "standard" | "wide" | "deep" | "regularised";
export type Activation = "relu" | "leaky_relu" | "tanh" | "sigmoid" | "gelu" | "silu" | "elu" | "softplus" | "linear";

/** Labels of the choices. */
export const PRESETS: Readonly<Record<PresetName, string>> = {
  small: "64 → 32 → 10",
  standard: "64 → 64 → 32 → 10",
  wide: "64 → 256 → 10",
  deep: "64 → 32 × 6 → 10",
  regularised: "64 → 96 → 48 → 10, norm + dropout",
};

export const ACTIVATIONS: Readonly<Record<Activation, string>> = {
  relu: "ReLU",
  leaky_relu: "Leaky ReLU",
  gelu: "GELU",
  silu: "SiLU",
  elu: "ELU",
  tanh: "Tanh",
  sigmoid: "Sigmoid",
  softplus: "Softplus",
  linear: "None (linear)",
};

export const OPTIMIZERS: Readonly<Record<OptimizerChoice, string>> = {
  sgd: "SGD",
  sgd_momentum: "SGD with momentum",
  adam: "Adam",
  adamw: "AdamW",
  rmsprop: "RMSProp",
  lion: "Lion",
};

/** A good learning rate for each optimizer on this data. */
export const USUAL_RATE: Readonly<Record<OptimizerChoice, number>> = {
  sgd: 0.1,
  sgd_momentum: 0.03,
  adam: 0.003,
  adamw: 0.003,
  rmsprop: 0.001,
  lion: 0.0005,
};

export const BATCH_SIZES = [8, 16, 32, 64, 128, 256];

export const DEFAULTS: Settings = {
  preset: "standard",
  activation: "relu",
  optimizer: "adam",
  learningRate: USUAL_RATE.adam,
  batchSize: 32,
  epochs: 100,
};

const INPUTS = 64;
const CLASSES = 10;
/** Fixed, so that runs with the same settings are identical. */
const SEED = 7;

const HIDDEN: Readonly<Record<PresetName, readonly number[]>> = {
  small: [32],
  standard: [64, 32],
  wide: [256],
  deep: [32, 32, 32, 32, 32, 32],
  regularised: [96, 48],
};

export function networkConfig({ preset, activation }: Settings): NetworkConfig {
  const sizes = [INPUTS, ...HIDDEN[preset]];
  const hidden = sizes.slice(1).flatMap((outputs, index): LayerConfig[] => {
    const dense = { type: "Dense", inputs: sizes[index] ?? INPUTS, outputs, activation } as const;
    if (preset !== "regularised") return [dense];
    return [dense, { type: "LayerNorm", dim: outputs }, { type: "Dropout", rate: 0.1 }];
  });
  const last = { type: "Dense", inputs: sizes.at(-1) ?? INPUTS, outputs: CLASSES, activation: "linear" } as const;
  return { input_shape: [INPUTS], seed: SEED, layers: [...hidden, last, { type: "Softmax" }] };
}

/**
 * Checks that a network takes and gives the shapes of the digits.
 *
 * @throws LoomError its shapes differ.
 */
export async function checkShapes(network: Network): Promise<void> {
  const { input_shape, output_shape } = await network.getBlueprint();
  const [expected, got] = [`${INPUTS} → ${CLASSES}`, `${input_shape.join("×")} → ${output_shape.join("×")}`];
  if (expected === got) return;
  const message = `the file's network: expected ${expected} values, got ${got}; choose a file that was saved on this page`;
  throw new LoomError({ name: "ShapeError", code: "shape", message });
}

/** Momentum (Polyak 1964) with the look-ahead of Nesterov (1983). */
const MOMENTUM: OptimizerConfig = { type: "SGD", momentum: 0.9, nesterov: true };

/** Options of a run, without the validation data, which the caller adds. */
export function trainingConfig({ optimizer, learningRate, batchSize, epochs }: Settings): TrainingConfig {
  return {
    epochs,
    learning_rate: learningRate,
    loss: "cross_entropy",
    optimizer: optimizer === "sgd_momentum" ? MOMENTUM : optimizer,
    batch_size: batchSize,
  };
}

/** Whether a change of settings needs a new network rather than a new run. */
export function needsNewNetwork(before: Settings, after: Settings): boolean {
  return before.preset !== after.preset || before.activation !== after.activation;
}

/** Error text for invalid settings; undefined if they are valid. */
export function problemWith({ learningRate, epochs }: Settings): string | undefined {
  if (!(learningRate >= 0 && Number.isFinite(learningRate))) return "Learning rate: enter a number of 0 or more.";
  if (!(Number.isInteger(epochs) && epochs >= 1 && epochs <= 10_000)) {
    return "Epochs: enter a whole number from 1 to 10,000.";
  }
  return undefined;
}
