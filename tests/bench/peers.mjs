// loom_py against its peers: matrix products, training steps and the cost of observation in Chromium; steps of PyTorch.
//
//   npm run bench -- peers [--only CASE,…] [--json FILE] [--docs]
//
// A case is measured on the processor and, if it has systems there, on WebGPU; the case "webgpu" is all of the latter.
// `--docs` writes the measured parts of the page.

import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { availableParallelism, loadavg } from "node:os";
import { join } from "node:path";
import { BuildError, PYTHON, probe, ROOT, runMain, WINDOWS } from "../../build/lib.mjs";
import { CASES, ENCODE, groupsOf, MODELS, WEBGPU } from "./_cases.mjs";
import { measureEncoding } from "./_encode.mjs";
import { bundle, measureInPage } from "./_page.mjs";
import { figure, groupLines, HEAD, PASSES, page } from "./_report.mjs";
import { gpuPart, HEADING } from "./_report_gpu.mjs";

const PAGE = join(ROOT, "docs", "benchmarks.md");
const TORCH_PYTHON = join(ROOT, ".venv-peers", ...(WINDOWS ? ["Scripts", "python.exe"] : ["bin", "python"]));
const ONE_THREAD = { OPENBLAS_NUM_THREADS: "1", OMP_NUM_THREADS: "1", MKL_NUM_THREADS: "1" };

function option(args, name) {
  const at = args.indexOf(name);
  if (at < 0) return undefined;
  if (!args[at + 1]) throw new BuildError(`expected a value after ${name}, got none`);
  return args[at + 1];
}

function wantedOf(args) {
  const wanted = option(args, "--only")?.split(",") ?? CASES;
  const unknown = wanted.filter((name) => !CASES.includes(name));
  if (unknown.length) throw new BuildError(`expected cases among ${CASES.join(", ")}, got ${unknown.join(", ")}`);
  return wanted;
}

/** The result that a script of tests/bench prints after the word RESULT. */
function resultOf(python, script, args) {
  const env = { ...process.env, ...ONE_THREAD, PYTHONPATH: ROOT, PYTHONDONTWRITEBYTECODE: "1" };
  const { stdout, stderr } = probe(python, [join(ROOT, "tests", "bench", script), ...args], { env });
  const found = stdout.match(/RESULT(.*)/);
  if (!found) throw new BuildError(`${script} failed:\n${stderr}`);
  return JSON.parse(found[1]);
}

function measureTorch(wanted) {
  const models = MODELS.filter((name) => wanted.includes(name));
  if (!models.length) return [];
  if (!existsSync(TORCH_PYTHON)) {
    console.log("  PyTorch skipped: it is in .venv-peers, which npm run goldens -- --peers makes");
    return [];
  }
  return resultOf(TORCH_PYTHON, "_native.py", models);
}

/** loom_py's steps on CPython through wgpu. */
function measureWgpu(wanted) {
  const models = MODELS.filter((name) => wanted.includes(name) || wanted.includes(WEBGPU));
  if (!models.length) return { adapter: "", rows: [] };
  try {
    return resultOf(PYTHON, "_wgpu.py", models);
  } catch (error) {
    console.log(`  wgpu skipped: ${error.message.trim().split("\n").at(-1)}`);
    return { adapter: "", rows: [] };
  }
}

const encoded = ({ case: name, system, median_ms, us_per_dispatch, failure }) =>
  failure
    ? `  ${name.padEnd(20)}${system.padEnd(20)}can't: ${failure}`
    : `  ${name.padEnd(20)}${system.padEnd(20)}${figure(median_ms).padStart(16)}${us_per_dispatch.toFixed(3).padStart(16)} µs a dispatch`;

/** The page's parts; those that were not measured are unchanged. */
function writePage(processor, webgpu) {
  const before = existsSync(PAGE) ? readFileSync(PAGE, "utf8") : "";
  const [measured = "", passes] = before.split(`${PASSES}\n`);
  const [head = "", tail] = measured.split(`${HEADING}\n`);
  const kept = tail === undefined ? "" : `${HEADING}\n${tail}`;
  const parts = [processor ?? head, webgpu ?? kept, passes === undefined ? "" : `${PASSES}\n${passes}`];
  writeFileSync(
    PAGE,
    `${parts
      .map((part) => part.trim())
      .filter(Boolean)
      .join("\n\n")}\n`,
  );
}

const show = (rows) => console.log(groupLines(rows));
const version = (name) => JSON.parse(readFileSync(join(ROOT, "node_modules", name, "package.json"), "utf8")).version;

await runMain(async (args) => {
  const wanted = wantedOf(args);
  const groups = groupsOf(wanted);
  const onProcessor = groups.some(({ on }) => on !== WEBGPU);
  console.log(HEAD);
  await bundle();
  const found = await measureInPage(groups, show);
  const wgpu = measureWgpu(wanted);
  if (wgpu.rows.length) show(wgpu.rows);
  const encoding = wanted.includes(ENCODE) || wanted.includes(WEBGPU) ? await measureEncoding() : [];
  for (const row of encoding) console.log(encoded(row));
  const native = measureTorch(wanted);
  if (native.length) show(native);
  for (const [name, verbs] of Object.entries(found.uncovered)) {
    console.log(`  ${name}: NumPy runs ${verbs.join(", ")} inside the WASM executor's Program`);
  }
  const onGPU = [...found.rows.filter(({ on }) => on === WEBGPU), ...wgpu.rows, ...encoding];
  const rows = [...found.rows.filter(({ on }) => on !== WEBGPU), ...native, ...onGPU];
  const json = option(args, "--json");
  if (json) writeFileSync(json, `${JSON.stringify(rows, null, 1)}\n`);
  if (args.includes("--docs")) {
    const torch = existsSync(TORCH_PYTHON)
      ? probe(TORCH_PYTHON, ["-c", "import torch; print(torch.__version__)"]).stdout
      : "";
    const peers = {
      tfjs: `TensorFlow.js ${version("@tensorflow/tfjs-core")}`,
      jax: `jax-js ${version("@jax-js/jax")}`,
      torch: `PyTorch ${torch.trim()}`,
    };
    const machine = { cores: availableParallelism(), load: loadavg()[0] };
    writePage(
      onProcessor
        ? page({ ...found, rows: found.rows.filter(({ on }) => on !== WEBGPU), native, peers, ...machine })
        : undefined,
      onGPU.length ? gpuPart({ rows: onGPU, adapter: found.adapter, native: wgpu.adapter, peers }) : undefined,
    );
  }
  return rows.some((row) => row.failure && !row.absent) ? 1 : 0;
});
