// Results as text: lines for the terminal, a page for the docs.

export const figure = (value) => (value >= 100 ? value.toFixed(0) : value.toPrecision(3));
const minimum = (rows, name, system) => rows.find((row) => row.case === name && row.system === system)?.min_ms;
const columns = (rows, key) => [...new Set(rows.map((row) => row[key]))];

/** Rate of a matrix product; empty for other cases. */
function rate({ extents, min_ms }) {
  if (!extents) return "";
  const [m, k, n] = extents;
  return `${figure((2 * m * k * n) / min_ms / 1e6)} GFLOP/s`;
}

/** One group for the terminal, with each system's time relative to ours. */
export function groupLines(rows) {
  const lines = rows.map((row) => {
    const head = `  ${row.case.padEnd(20)}${row.system.padEnd(20)}`;
    if (row.failure) return `${head}${row.absent ? "can't" : "WRONG"}: ${row.failure}`;
    const first = row.on === "webgpu" ? "loom-webgpu" : "loom-wasm";
    const ours = minimum(rows, row.case, first);
    const ratio = ours && row.system !== first ? `${figure(row.min_ms / ours)} × ours` : "";
    const cells = [figure(row.median_ms), figure(row.min_ms), ratio, rate(row)];
    return `${head}${cells.map((cell) => cell.padStart(16)).join("")}`;
  });
  return lines.join("\n");
}

export const HEAD = `  ${"case".padEnd(20)}${"system".padEnd(20)}${["median ms", "min ms", "", ""].map((c) => c.padStart(16)).join("")}`;

/** A table of cases and systems. */
export function table(rows, cell, title) {
  const [names, systems] = [columns(rows, "case"), columns(rows, "system")];
  const at = (name, system) => {
    const row = rows.find((found) => found.case === name && found.system === system);
    if (!row) return "";
    return row.failure ? "–" : cell(row, rows);
  };
  const line = (cells) => `| ${cells.join(" | ")} |`;
  return [
    line([title, ...systems]),
    line(["---", ...systems.map(() => "--:")]),
    ...names.map((name) => line([name, ...systems.map((system) => at(name, system))])),
  ].join("\n");
}

export const times = ({ median_ms, min_ms }) => `${figure(median_ms)} (${figure(min_ms)})`;

function watching(rows) {
  const cost = (row) => {
    const off = minimum(rows, "observe-off", row.system);
    return row.case === "observe-off" ? times(row) : `${times(row)}, ${signed((row.min_ms / off - 1) * 100)} %`;
  };
  return table(rows, cell(cost), "MLP 784-256-128-10, batch 128");
}
const cell = (text) => (row) => text(row);
export const signed = (value, digits = 0) => `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(digits)}`;

/** Heading of the page's last part, which the bench "passes" writes. */
export const PASSES = "## Passes";

/** A page of the docs. */
export function page({ rows, native, uncovered, browser, cores, load, peers }) {
  const matmuls = rows.filter((row) => row.extents);
  const watched = rows.filter((row) => row.case.startsWith("observe-"));
  const training = rows.filter((row) => !row.extents && !row.case.startsWith("observe-"));
  const absent = rows.filter((row) => row.failure).map((row) => `- ${row.system}, ${row.case}: ${row.failure}`);
  const left = Object.entries(uncovered).map(([name, verbs]) => `- ${name}: ${verbs.join(", ")}`);
  return `# Benchmarks

Written by \`npm run bench -- peers --docs\`; \`npm run bench -- peers --json FILE --only mlp-128,matmul-512\` measures
selected cases. Measured on a ${cores}-core x86-64 virtual machine without a GPU, in ${browser}. Figures are medians and, in brackets,
minima of up to 100 short rounds in milliseconds; all systems take turns in one page, each in its own worker. The
load average at the end was ${load.toFixed(0)}, so compare minima, and their ratios rather than their values; runs of more than
a few milliseconds suffer most from other work on the machine. A row whose \`fma-ceiling\` is far below the others was
disturbed: repeat it on an idle machine.

- \`numpy-pyodide\`: Pyodide's own NumPy. \`loom-wasm\`, \`loom-numpy\`: loom_py on either executor, one thread, in any page.
- \`tfjs-wasm\`: ${peers.tfjs}, SIMD, one thread. \`jax-wasm\`: ${peers.jax}, jitted, one thread.
- \`…-threads\`: the same with one thread per core, which needs a cross-origin isolated page (headers COOP and COEP).
- \`fma-ceiling\`: the same number of multiply-adds on registers, without memory access: the limit of 128-bit SIMD on one
  core.

Peers keep their inputs on the device and get one-hot labels; loom_py copies the batch in at every step and also counts
correct answers. All start from the same parameters, and only systems whose first ten losses agree to 1e-3 are timed.

## Matrix products, best GFLOP/s

${table(matmuls, (row) => rate(row).split(" ")[0], "M×K×N")}

## Training steps, ms

Plain SGD on one batch: MLP 784-256-128-10 at batch 128; MLP 784-128-64-10 at batch 32; two convolutions on 8×8 digits at
batch 32; LSTM 32→64 over 16 steps at batch 32; two transformer blocks of width 64 with 4 heads over 32 positions at
batch 16.

${table(training, times, "step")}

${absent.length ? `Not timed:\n\n${absent.join("\n")}\n` : ""}${left.length ? `\nVerbs that NumPy runs inside the WASM executor's Program:\n\n${left.join("\n")}\n` : ""}
## Cost of observation, ms

Off; the demo's default (statistics of every fourth step); all statistics of every step; histograms as well.

${watching(watched)}

## CPython against PyTorch, ms

${native.length ? `${peers.torch}, one thread each.\n\n${table(native, times, "step")}` : "Not measured: PyTorch is in `.venv-peers`, which `npm run goldens -- --peers` makes."}
`;
}
