// The part of docs/benchmarks.md about WebGPU.

import { figure, signed, table, times } from "./_report.mjs";

/** The heading that this part begins with; it ends with the page. */
export const HEADING = "## WebGPU (software adapter)";
const OURS = "loom-webgpu";
const round = (value) => (value >= 10 || Number.isInteger(value) ? value.toFixed(0) : value.toFixed(1));
const of = (rows, name, system) => rows.find((row) => row.case === name && row.system === system && !row.failure);

/** A peer's time relative to ours: above 1 loom_py is faster. */
function against(row, rows) {
  const ours = of(rows, row.case, OURS);
  return ours && row.system !== OURS ? `${times(row)}, ${figure(row.min_ms / ours.min_ms)}×` : times(row);
}

function asked(row) {
  const { dispatches, passes, submits, bind_groups, pipelines, maps } = row.calls ?? {};
  return [dispatches, pipelines, passes, submits, bind_groups, maps].map(round).join(" / ");
}

function watching(rows) {
  const off = of(rows, "observe-off", OURS);
  const cost = (row) =>
    row === off || !off ? times(row) : `${times(row)}, ${signed((row.min_ms / off.min_ms - 1) * 100)} %`;
  return table(rows, cost, "MLP 784-256-128-10, batch 128");
}

function encodeTable(rows) {
  const failed = rows.filter((row) => row.failure).map((row) => `- ${row.system}: ${row.failure}`);
  const line = (row) => {
    const whole = (row.median_ms * 1e3) / row.dispatches;
    const cells = [row.us_per_dispatch, whole, row.finish_ms * 1e3, row.submit_ms * 1e3].map(figure);
    return `| ${row.case.replace("encode-", "")} | ${row.system} | ${row.dispatches} | ${cells.join(" | ")} |`;
  };
  return [
    "| plan | where | dispatches | µs a dispatch, ours | with finish and submit | finish, µs a run | submit, µs a run |",
    "| --- | --- | --: | --: | --: | --: | --: |",
    ...rows.filter((row) => !row.failure).map(line),
    ...(failed.length ? ["", ...failed] : []),
  ].join("\n");
}

function crossings(rows) {
  const ours = rows.filter((row) => row.system === OURS && row.calls?.crossings);
  const line = (row) => {
    const { crossings: crossed, run_ms, dispatches } = row.calls;
    const words = Object.entries(crossed).map(([name, count]) => `${name} ${round(count)}`);
    return `| ${row.case} | ${words.join(", ")} | ${round(dispatches)} | ${(run_ms * 1e3).toFixed(0)} |`;
  };
  const head = "| step | calls of the host by Python | dispatches | inside `run`, µs |\n| --- | --- | --: | --: |";
  return `${head}\n${ours.map(line).join("\n")}`;
}

/** Markdown of this part. */
export function gpuPart({ rows, adapter, native, peers }) {
  const matmuls = rows.filter((row) => row.extents);
  const watched = rows.filter((row) => row.case.startsWith("observe-"));
  const encode = rows.filter((row) => row.case.startsWith("encode-"));
  const training = rows.filter((row) => ![...matmuls, ...watched, ...encode].includes(row));
  const failed = rows.filter((row) => row.failure && !encode.includes(row));
  const absent = failed.map((row) => `- ${row.system}, ${row.case}: ${row.failure}`);
  const inPage = training.filter((row) => row.system !== "loom-wgpu");
  return `${HEADING}

Written by \`npm run bench -- peers --docs --only webgpu\`. **No GPU here: Chromium's adapter was ${adapter || "none"},
CPython's ${native || "none"}.** It is a software renderer, many times slower than the WASM executor. These figures show that all
systems give the same numbers, and their use of WebGPU. They say nothing about a graphics card: workgroup memory and
barriers are expensive here, while on a card they make products fast. On a card: \`npm run bench -- gpu\`.

Medians and, in brackets, minima in milliseconds; after a peer's time its multiple of ours (above 1: loom_py is faster).
Systems take turns in one page; a block of steps ends when all of them are done. loom_py runs as in a page: three steps in
flight, each step's loss read when it arrives. Peers send all steps of a block and wait only at its end.
\`loom-webgpu\`: from Python in Pyodide. \`loom-wgpu\`: the same plan and kernels from CPython through wgpu, timed separately.
\`tfjs-webgpu\`: ${peers.tfjs}. \`jax-webgpu\`: ${peers.jax}, jitted.

${table(training, against, "step, ms")}

${table(matmuls, against, "matrix product, ms")}

${absent.length ? `Not timed:\n\n${absent.join("\n")}\n\n` : ""}### WebGPU calls of a step

Dispatches / pipelines set / passes / submits / bind groups made / buffers mapped, per step.

${table(inPage, asked, "step")}

### Cost of observation on WebGPU, ms

Off; the demo's default; all statistics of every step; histograms as well. Statistics are additional passes over every
output, by the processor here; \`npm run bench -- gpu\` measures their cost on a card.

${watching(watched)}

### Encoding

JavaScript's time in the synchronous part of \`GPUHost.run\`, in which a plan is encoded and submitted: medians of runs with nothing
else in flight. "Ours" is everything except the browser's \`finish\` and \`submit\`: error scope, writing of inputs, a pass with
\`setPipeline\` where the kernel changes, \`setBindGroup\` with its offset and \`dispatchWorkgroups\`, the copy of the report, its mapping.
\`same\`: one pipeline for all dispatches; \`changing\`: a different one for each; \`single\`: a run of one dispatch, so the fixed
cost of a run. Chromium records the calls for its GPU process; Node calls Dawn directly through Node-API.

${encodeTable(encode)}

A training step is one call of \`run\`; \`arrived\` checks for a report, and \`report\` waits for one.

${crossings(training)}
`;
}
