/**
 * Observation messages of synthetic training runs, the same every time, for tests and previews of the dashboard.
 */
import type {
  Blueprint,
  BlueprintLayer,
  ObservationMessage,
  StatsMessage,
  TrainingMessage,
} from "../../../web/visualiser";
import { MEASURED } from "../../../web/visualiser/data/statistics";

/** The columns of a "stats" message, in Python's order: place of the row, then its statistics. */
export const STATS_COLUMNS = ["step", "epoch", "layer", "phase", ...MEASURED.map(({ name }) => name)] as const;

export const TRAINING_COLUMNS = [
  "step",
  "epoch",
  "batch",
  "loss",
  "accuracy",
  "learning_rate",
  "samples_per_second",
  "eta_s",
  "gradient_norm",
] as const;

type StatsRow = Partial<Record<(typeof STATS_COLUMNS)[number], number>>;
type TrainingRow = Partial<Record<(typeof TRAINING_COLUMNS)[number], number>> & { readonly type: string };

/** Mulberry32: a small seeded generator of numbers in [0, 1). */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

function columnar(columns: readonly string[], rows: readonly Record<string, number | string | undefined>[]) {
  const data = new Float32Array(columns.length * rows.length);
  columns.forEach((column, j) => {
    rows.forEach((row, i) => {
      const value = row[column];
      data[j * rows.length + i] = typeof value === "number" ? value : Number.NaN;
    });
  });
  return { columns, rows: rows.length, data };
}

export function statsMessage(rows: readonly StatsRow[]): StatsMessage {
  return { kind: "stats", ...columnar(STATS_COLUMNS, rows) };
}

export function trainingMessage(rows: readonly TrainingRow[]): TrainingMessage {
  return { kind: "training", types: rows.map(({ type }) => type), ...columnar(TRAINING_COLUMNS, rows) };
}

interface Place {
  readonly row?: number;
  readonly col?: number;
  readonly layer?: number;
}

export function layer(
  path: string,
  type: string,
  [inputs, outputs]: readonly [number, number],
  extra: Partial<BlueprintLayer> & Place = {},
): BlueprintLayer {
  const weights = type === "Dense" ? inputs * outputs + outputs : 0;
  return {
    path,
    type,
    row: 0,
    col: 0,
    layer: 0,
    activation: null,
    input_shape: [inputs],
    output_shape: [outputs],
    num_params: weights,
    ...extra,
  };
}

/** A small classifier in one cell. */
export function mlp(): Blueprint {
  const layers = [
    layer("0", "Dense", [64, 64], { activation: "relu" }),
    layer("1", "LayerNorm", [64, 64], { layer: 1, num_params: 128 }),
    layer("2", "Dense", [64, 32], { layer: 2, activation: "relu" }),
    layer("3", "Dense", [32, 10], { layer: 3 }),
    layer("4", "Softmax", [10, 10], { layer: 4 }),
  ];
  return blueprint(1, 1, 5, layers);
}

/** Two rows of three cells with nested layers: a large network for the picture. */
export function grid(): Blueprint {
  const at = (row: number, col: number, slot: number) => ({ row, col, layer: slot });
  const layers = [
    layer("0", "Dense", [1024, 512], { ...at(0, 0, 0), activation: "gelu" }),
    layer("1", "Dense", [512, 256], { ...at(0, 0, 1), activation: "gelu" }),
    layer("2", "MultiHeadAttention", [256, 256], { ...at(0, 1, 0), num_params: 263_168 }),
    layer("3", "LayerNorm", [256, 256], { ...at(0, 1, 1), num_params: 512 }),
    layer("4", "Residual", [256, 256], {
      ...at(0, 2, 0),
      num_params: 131_584,
      children: [
        layer("4.layers.0", "Dense", [256, 256], { activation: "relu" }),
        layer("4.layers.1", "Dense", [256, 256]),
      ],
    }),
    layer("5", "Dropout", [256, 256], at(0, 2, 1)),
    layer("6", "LSTM", [256, 64], { ...at(1, 0, 0), num_params: 82_176 }),
    layer("7", "LayerNorm", [64, 64], { ...at(1, 0, 1), num_params: 128 }),
    layer("8", "Parallel", [64, 64], {
      ...at(1, 1, 0),
      num_params: 4160,
      children: [
        layer("8.branches.0", "Dense", [64, 32], { activation: "tanh" }),
        layer("8.branches.1", "Dense", [64, 32], { activation: "silu" }),
      ],
    }),
    layer("9", "Dense", [64, 32], { ...at(1, 1, 1), activation: "relu" }),
    layer("10", "Dense", [32, 10], at(1, 2, 0)),
    layer("11", "Softmax", [10, 10], at(1, 2, 1)),
  ];
  return blueprint(2, 3, 2, layers);
}

function blueprint(rows: number, cols: number, perCell: number, layers: readonly BlueprintLayer[]): Blueprint {
  const total = layers.reduce((sum, { num_params }) => sum + num_params, 0);
  return { grid_rows: rows, grid_cols: cols, layers_per_cell: perCell, total_params: total, layers };
}

export interface RunOptions {
  readonly blueprint: Blueprint;
  readonly steps: number;
  readonly stepsPerEpoch?: number;
  readonly seed?: number;
  /** From this step on the loss is NaN, and layers hold NaN. */
  readonly divergesAt?: number;
}

/** The messages of a run, one list per training step. */
export function* makeRun(options: RunOptions): Generator<ObservationMessage[]> {
  const { blueprint: plan, steps, stepsPerEpoch = 45, divergesAt = Number.POSITIVE_INFINITY } = options;
  const random = seeded(options.seed ?? 1);
  const flat = flatten(plan.layers);
  yield [{ kind: "blueprint", blueprint: plan }];
  for (let step = 1; step <= steps; step++) {
    const broken = step >= divergesAt;
    const loss = broken
      ? Number.NaN
      : 0.06 + 2.2 * Math.exp(-step / 160) + 0.14 * (random() - 0.4) * Math.exp(-step / 900);
    const accuracy = broken ? Number.NaN : Math.min(1, 0.99 - 0.88 * Math.exp(-step / 120) + 0.05 * (random() - 0.5));
    const epoch = Math.floor((step - 1) / stepsPerEpoch);
    const out: ObservationMessage[] = [
      statsMessage(flat.flatMap((info, index) => statsOf(info, index, flat.length, step, epoch, broken, random))),
      trainingMessage([
        {
          type: "batch_end",
          step,
          epoch,
          loss,
          accuracy,
          learning_rate: 0.05,
          samples_per_second: 9120,
          eta_s: (steps - step) / 285,
        },
      ]),
    ];
    if (step % stepsPerEpoch === 0) {
      const held = broken ? Number.NaN : 0.13 + 2.1 * Math.exp(-step / 170);
      const right = broken ? Number.NaN : 0.966 - 0.8 * Math.exp(-step / 130);
      out.push(trainingMessage([{ type: "validation", step, epoch, loss: held, accuracy: right }]));
    }
    if (step === divergesAt) {
      const path = flat.find(({ num_params }) => num_params > 0)?.path ?? "0";
      const text = "The gradient holds NaN for the first time. Lower the learning rate or clip the gradient";
      out.push({ kind: "anomaly", event: { step, path, text } });
    }
    yield out;
  }
}

function flatten(layers: readonly BlueprintLayer[]): BlueprintLayer[] {
  return layers.flatMap((info) => [info, ...flatten(info.children ?? [])]);
}

function statsOf(
  info: BlueprintLayer,
  index: number,
  count: number,
  step: number,
  epoch: number,
  broken: boolean,
  random: () => number,
): StatsRow[] {
  const grown = 1 - Math.exp(-step / 300);
  const std =
    info.type === "Softmax" ? 0.09 + 0.19 * grown : 0.55 + 0.35 * Math.sin(index * 1.7) + (0.4 + index * 0.12) * grown;
  const mean = info.type === "Softmax" ? 0.1 : 0.25 * Math.cos(index * 2.1) + 0.05 * (random() - 0.5);
  const relu = info.activation === "relu";
  const gradient = 2.4 * Math.exp(-step / 400) * 1.45 ** (index - count) * (0.8 + 0.5 * random()) + 0.004;
  const size = info.output_shape.reduce((product, length) => product * length, 32);
  const common = { step, epoch, layer: index, inf_count: 0, nan_count: broken && index <= 2 ? size : 0 };
  return [
    {
      ...common,
      phase: 0,
      output_min: relu ? 0 : mean - 3 * std,
      output_max: mean + 3 * std,
      output_mean: broken ? Number.NaN : mean,
      output_std: broken ? Number.NaN : std,
      zero_fraction: relu ? 0.48 + 0.1 * grown : 0,
      dead_units: relu ? Math.round(3 * grown) : 0,
      ...(info.num_params > 0 ? { weight_norm: 6 + index + 2 * grown, bias_norm: 0.3 * grown } : {}),
      compute_time_ns: 20_000 + info.num_params * (8 + random()),
    },
    {
      ...common,
      phase: 1,
      output_mean: 0,
      output_std: gradient / 40,
      ...(info.num_params > 0 ? { gradient_norm: broken ? Number.NaN : gradient } : {}),
      input_gradient_norm: gradient * 0.7,
      compute_time_ns: 30_000 + info.num_params * (15 + random()),
    },
  ];
}
