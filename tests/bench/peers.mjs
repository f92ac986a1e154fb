// Ours against the peers: matrix products, training steps and the cost of watching in Chromium; steps against PyTorch.
//
//   npm run bench -- peers [--only CASE,…] [--json FILE] [--docs]

import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { availableParallelism, loadavg } from "node:os";
import { join } from "node:path";
import { BuildError, probe, ROOT, runMain, WINDOWS } from "../../build/lib.mjs";
import { CASES, groupsOf, MODELS } from "./_cases.mjs";
import { measureInPage } from "./_page.mjs";
import { HEAD, page, told } from "./_report.mjs";

const NATIVE = join(ROOT, "tests", "bench", "_native.py");
const TORCH_PYTHON = join(ROOT, ".venv-peers", ...(WINDOWS ? ["Scripts", "python.exe"] : ["bin", "python"]));
const ONE_THREAD = { OPENBLAS_NUM_THREADS: "1", OMP_NUM_THREADS: "1", MKL_NUM_THREADS: "1" };

function option(args, name) {
  const at = args.indexOf(name);
  if (at < 0) return undefined;
  if (!args[at + 1]) throw new BuildError(`expected something after ${name}`);
  return args[at + 1];
}

function wantedOf(args) {
  const wanted = option(args, "--only")?.split(",") ?? CASES;
  const unknown = wanted.filter((name) => !CASES.includes(name));
  if (unknown.length) throw new BuildError(`expected cases among ${CASES.join(", ")}; got ${unknown.join(", ")}`);
  return wanted;
}

function measureNative(wanted) {
  const models = MODELS.filter((name) => wanted.includes(name));
  if (!models.length) return [];
  if (!existsSync(TORCH_PYTHON)) {
    console.log("  PyTorch skipped: it is in .venv-peers, which npm run goldens -- --peers makes");
    return [];
  }
  const env = { ...process.env, ...ONE_THREAD, PYTHONPATH: ROOT, PYTHONDONTWRITEBYTECODE: "1" };
  const { stdout, stderr } = probe(TORCH_PYTHON, [NATIVE, ...models], { env });
  const found = stdout.match(/RESULT(.*)/);
  if (!found) throw new BuildError(`CPython failed:\n${stderr}`);
  return JSON.parse(found[1]);
}

const show = (rows) => console.log(told(rows));
const version = (name) => JSON.parse(readFileSync(join(ROOT, "node_modules", name, "package.json"), "utf8")).version;

await runMain(async (args) => {
  const wanted = wantedOf(args);
  console.log(HEAD);
  const found = await measureInPage(groupsOf(wanted), show);
  const native = measureNative(wanted);
  if (native.length) show(native);
  for (const [name, verbs] of Object.entries(found.uncovered)) {
    console.log(`  ${name}: NumPy runs ${verbs.join(", ")} inside the WASM executor's Program`);
  }
  const rows = [...found.rows, ...native];
  const json = option(args, "--json");
  if (json) writeFileSync(json, `${JSON.stringify(rows, null, 1)}\n`);
  if (args.includes("--docs")) {
    const torch = probe(TORCH_PYTHON, ["-c", "import torch; print(torch.__version__)"]).stdout.trim();
    const peers = {
      tfjs: `TensorFlow.js ${version("@tensorflow/tfjs-core")}`,
      jax: `jax-js ${version("@jax-js/jax")}`,
      torch: `PyTorch ${torch}`,
    };
    writeFileSync(
      join(ROOT, "docs", "benchmarks.md"),
      page({ ...found, native, peers, cores: availableParallelism(), load: loadavg()[0] }),
    );
  }
  return rows.some((row) => row.failure && !row.absent) ? 1 : 0;
});
