// Runs the Python tests inside Pyodide under Node: the same files as on CPython, against our wheel as a page loads it.
//
//   node tests/pyodide/run.mjs [pytest's arguments …]
//
// They run without JSPI (stack switching), as in a browser that lacks it; where this Node has it, once more with it.

import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { CACHE, isMain, PYODIDE_DIR, PYTHON, probe, ROOT, run, runMain, sha256 } from "../../build/lib.mjs";

// pytest, hypothesis and what they need; all of it Python alone. Copied, since NumPy of the host lies beside them.
const PACKAGES = [
  "_pytest",
  "pytest",
  "pluggy",
  "iniconfig",
  "packaging",
  "pygments",
  "hypothesis",
  "sortedcontainers",
];
const MODULES = /^(_hypothesis_\w+|py)\.py$/;
const SUITES = ["tests/unit", "tests/ops", "tests/golden", "tests/runs"];
const HOME = "/loom";
// In KiB: pytest's rewriting of assertions recurses deeper than the stack of about 1 MB that Node gives.
const STACK = "--stack-size=3800";

/** A folder with pytest for Pyodide, made from the virtual environment when its lock changes. */
export function pytestFolder() {
  const folder = join(CACHE, "pyodide-tests");
  const stamp = join(folder, ".stamp");
  const key = sha256(join(ROOT, "requirements", "dev.txt"));
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === key) return folder;
  const site = probe(PYTHON, ["-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]).stdout.trim();
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const modules = readdirSync(site).filter((name) => MODULES.test(name));
  for (const name of [...PACKAGES, ...modules]) {
    cpSync(join(site, name), join(folder, name), { recursive: true, preserveTimestamps: true });
  }
  writeFileSync(stamp, key);
  return folder;
}

/** Boots Pyodide from our own folder, with our wheel and the tests' folder at HOME/tests. */
async function boot() {
  const { loadPyodide } = await import(join(PYODIDE_DIR, "pyodide.mjs"));
  const pyodide = await loadPyodide({
    indexURL: `${PYODIDE_DIR}/`,
    env: { HOME, PYTHONDONTWRITEBYTECODE: "1" },
  });
  // As bytes, not lines: pytest's dots come one by one.
  pyodide.setStdout({ write: (bytes) => writeSync(1, bytes) });
  pyodide.setStderr({ write: (bytes) => writeSync(2, bytes) });
  const silent = { messageCallback: () => {} };
  const loaded = await pyodide.loadPackage(["numpy", "loom-py"], silent);
  if (loaded.length !== 2) throw new Error(`expected numpy and loom-py, got ${JSON.stringify(loaded)}`);
  for (const [host, inside] of [
    [pytestFolder(), "/pytest"],
    [join(ROOT, "tests"), `${HOME}/tests`],
  ]) {
    pyodide.FS.mkdirTree(inside);
    pyodide.FS.mount(pyodide.FS.filesystems.NODEFS, { root: host }, inside);
  }
  pyodide.FS.writeFile(`${HOME}/pyproject.toml`, readFileSync(join(ROOT, "pyproject.toml")));
  return pyodide;
}

/** Runs pytest in this process; gives back its exit code. */
async function runHere(args) {
  const pyodide = await boot();
  const suites = SUITES.filter((path) => existsSync(join(ROOT, path)));
  const chosen = args.some((arg) => arg.startsWith("tests/")) ? args : [...suites, ...args];
  pyodide.globals.set("arguments", pyodide.toPy(["-p", "no:cacheprovider", "-m", "not cpython", ...chosen]));
  return pyodide.runPython(`
import os, sys
sys.path.insert(0, "/pytest")
os.chdir("${HOME}")
import loom_py, pytest
assert loom_py.__file__.startswith("/lib/"), f"not the wheel: {loom_py.__file__}"
int(pytest.main(arguments))
`);
}

if (isMain(import.meta.url)) {
  await runMain(async (args) => {
    if (args[0] === "--here") {
      const [, stackSwitching, ...rest] = args;
      // Pyodide looks for WebAssembly.Suspending to decide whether it can switch stacks.
      if (stackSwitching === "off") delete WebAssembly.Suspending;
      return runHere(rest);
    }
    const modes = "Suspending" in WebAssembly ? ["off", "on"] : ["off"];
    let failed = 0;
    for (const mode of modes) {
      console.log(
        `Pyodide under Node ${process.versions.node}, JSPI ${mode}${modes.length === 1 ? " (Node has none)" : ""}`,
      );
      failed ||= await run(process.execPath, [STACK, import.meta.filename, "--here", mode, ...args]);
    }
    return failed;
  });
}
