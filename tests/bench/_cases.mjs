// What is measured: groups of entries that take turns, an entry being a case run by a system.

/** The first system of a matmul says what is right. */
const MATMUL_SYSTEMS = [
  "numpy-pyodide",
  "loom-wasm",
  "tfjs-wasm",
  "tfjs-wasm-threads",
  "jax-wasm",
  "jax-wasm-threads",
  "fma-ceiling",
];
const TRAINING_SYSTEMS = ["loom-numpy", "loom-wasm", "tfjs-wasm", "tfjs-wasm-threads", "jax-wasm", "jax-wasm-threads"];
const SQUARES = [64, 128, 256, 512, 1024];
const ODD = [
  [100, 300, 70],
  [104, 304, 72], // the neighbour of the one before, in multiples of 8
  [257, 513, 129],
  [256, 512, 128],
  [128, 784, 10],
  [1, 784, 256],
];
const EXTENTS = [...SQUARES.map((n) => [n, n, n]), ...ODD];
export const MODELS = ["mlp-128", "mlp-32", "cnn-digits", "lstm", "transformer"];
const WATCHED = ["observe-off", "observe-default", "observe-full", "observe-histograms"];

const matmulName = ([m, k, n]) => `matmul-${m === k && k === n ? m : `${m}x${k}x${n}`}`;

/** Allowed difference: of a product as a share of its largest value, of any of the first ten losses. */
const PRODUCT = 1e-5;
const LOSS = 1e-3;

const groups = () => [
  ...EXTENTS.map((extents) => ({
    tolerance: PRODUCT,
    entries: MATMUL_SYSTEMS.map((system) => ({ name: matmulName(extents), system, extents })),
  })),
  ...MODELS.map((model) => ({
    tolerance: LOSS,
    entries: TRAINING_SYSTEMS.map((system) => ({ name: model, system, model })),
  })),
  {
    tolerance: LOSS,
    entries: ["loom-wasm", "loom-numpy"].flatMap((system) =>
      WATCHED.map((name) => ({ name, system, model: "mlp-128" })),
    ),
  },
];

export const CASES = [...EXTENTS.map(matmulName), ...MODELS, ...WATCHED];

/** The groups that hold a wanted case; watching is a ratio, so its cases stay together. */
export const groupsOf = (wanted) => groups().filter(({ entries }) => entries.some(({ name }) => wanted.includes(name)));
