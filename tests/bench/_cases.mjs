// The measurements: groups of entries that take turns; an entry is a case run by a system.

/** The first system of a matmul is the reference. */
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
  [104, 304, 72], // like the one before, in multiples of 8
  [257, 513, 129],
  [256, 512, 128],
  [128, 784, 10],
  [1, 784, 256],
];
const EXTENTS = [...SQUARES.map((n) => [n, n, n]), ...ODD];
/** Of the WebGPU systems; small, since it is a software renderer. */
const GPU_SYSTEMS = ["loom-webgpu", "tfjs-webgpu", "jax-webgpu"];
const GPU_EXTENTS = [
  [128, 128, 128],
  [256, 256, 256],
  [100, 300, 70],
];
export const MODELS = ["mlp-128", "mlp-32", "cnn-digits", "lstm", "transformer"];
const WATCHED = ["observe-off", "observe-default", "observe-full", "observe-histograms"];

const matmulName = ([m, k, n]) => `matmul-${m === k && k === n ? m : `${m}x${k}x${n}`}`;

/** Cost of sending work to the GPU, by loom_py alone. */
export const ENCODE = "encode";
/** All cases on WebGPU, as one name for `--only`. */
export const WEBGPU = "webgpu";

/** Allowed difference: of a product relative to its largest value, and of any of the first ten losses. */
const PRODUCT = 1e-5;
const LOSS = 1e-3;

/** Blocks last about `block` milliseconds and have at least `least` runs; they come `fewest` to `most` times, after
 * `group` milliseconds no further one. Slow runs are made in every fourth round. */
const SHORT = { block: 5, least: 1, group: 9_000, fewest: 9, most: 100, slow: 300 };
/** Long enough for several steps in flight on a GPU. */
const AHEAD = { block: 300, least: 6, group: 20_000, fewest: 5, most: 15, slow: 1_000 };

/** Groups on WebGPU: `reference` has the expected values and is not timed. */
const gpuGroups = () => [
  ...GPU_EXTENTS.map((extents) => ({
    tolerance: PRODUCT,
    reference: "numpy-pyodide",
    entries: GPU_SYSTEMS.map((system) => ({ name: matmulName(extents), system, extents })),
  })),
  ...MODELS.map((model) => ({
    tolerance: LOSS,
    reference: "loom-numpy",
    entries: GPU_SYSTEMS.map((system) => ({ name: model, system, model })),
  })),
  {
    tolerance: LOSS,
    reference: "loom-numpy",
    entries: WATCHED.map((name) => ({ name, system: "loom-webgpu", model: "mlp-128" })),
  },
];

const cpuGroups = () => [
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

const groups = () => [
  ...cpuGroups().map((group) => ({ ...group, on: "cpu", pace: SHORT })),
  ...gpuGroups().map((group) => ({ ...group, on: WEBGPU, pace: AHEAD })),
];

export const CASES = [...EXTENTS.map(matmulName), ...MODELS, ...WATCHED, ENCODE, WEBGPU];

/** The groups with a wanted case; the cost of observation is a ratio, so its cases stay together. */
export const groupsOf = (wanted) =>
  groups().filter(
    ({ on, entries }) =>
      (on === WEBGPU && wanted.includes(WEBGPU)) || entries.some(({ name }) => wanted.includes(name)),
  );
