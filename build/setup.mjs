// `npm run setup [-- --demo]`: installs what is missing; prints one line if nothing is.
//
// `--demo` installs only what building and serving the page needs, without the tests' checkers, oracles and browser.

import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { chromiumPath, installChromium } from "./chromium.mjs";
import { buildDashboard } from "./dashboard.mjs";
import { BuildError, isMain, PYTHON, probe, ROOT, run, runMain, sha256, step, VENV } from "./lib.mjs";
import { findPython } from "./python.mjs";

const PYTHON_LOCKS = {
  demo: join(ROOT, "requirements", "demo.txt"),
  all: join(ROOT, "requirements", "dev.txt"),
};
const NODE_LOCK = join(ROOT, "package-lock.json");
const STAMP = ".loom-stamp";

/** The parts to install. "demo" is a subset of "all"; Chromium is for the tests alone. */
const ALL = { python: "all", node: "all", chromium: true, assets: true };
const DEMO = { python: "demo", node: "demo", assets: true };

/**
 * The installation to make: its target, whether it is there already, and its stamp.
 *
 * A complete installation satisfies the demo and is never reduced to it: when its lock changes, all of it is updated.
 */
export function installation(stamp, wanted, locks) {
  // A stamp without a name is that of a complete installation, from before the demo had its own.
  const [name, hash] = stamp.includes(" ") ? stamp.split(" ") : ["all", stamp];
  const target = stamp && name === "all" ? "all" : wanted;
  return { target, fresh: name === target && hash === locks[target], stamp: `${target} ${locks[target]}` };
}

function readStamp(folder) {
  const file = join(folder, STAMP);
  return existsSync(file) ? readFileSync(file, "utf8") : "";
}

async function setupPython(wanted) {
  const works = existsSync(PYTHON) && probe(PYTHON, ["-c", "import pip"]).ok;
  const locks = { demo: sha256(PYTHON_LOCKS.demo), all: sha256(PYTHON_LOCKS.all) };
  const { target, fresh, stamp } = installation(works ? readStamp(VENV) : "", wanted, locks);
  if (fresh) return;
  if (!works) {
    rmSync(VENV, { recursive: true, force: true });
    const { command, args, version } = findPython();
    await step(`Python environment .venv (CPython ${version})`, command, [...args, "-m", "venv", VENV]);
  }
  // The lock has every package with its hashes, so nothing else is resolved or trusted.
  const lock = PYTHON_LOCKS[target];
  const install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes", "-r", lock];
  await step(`Python packages of requirements/${target === "all" ? "dev" : target}.txt`, PYTHON, install);
  writeFileSync(join(VENV, STAMP), stamp);
}

async function setupNode(wanted) {
  const modules = join(ROOT, "node_modules");
  const hash = sha256(NODE_LOCK);
  const { target, fresh, stamp } = installation(readStamp(modules), wanted, { demo: hash, all: hash });
  if (fresh) return;
  const npm = process.env.npm_execpath ? [process.execPath, process.env.npm_execpath] : ["npm"];
  // `dependencies` in package.json are what the page needs, `devDependencies` are for the tests.
  const which = target === "all" ? "--include=dev" : "--omit=dev";
  const args = [...npm.slice(1), "ci", which, "--no-audit", "--no-fund"];
  const text = `Node packages of package-lock.json${target === "all" ? "" : ", those of the page"}`;
  await step(text, npm[0], args, { shell: npm.length === 1 });
  writeFileSync(join(modules, STAMP), stamp);
}

async function setupAssets() {
  const code = await run(PYTHON, [join(ROOT, "build", "assets.py")]);
  if (code !== 0) throw new BuildError("could not build .cache/pyodide: see the messages above");
}

async function setupDashboard() {
  if (await buildDashboard()) console.log("  loom_py/observers/formats/dashboard.js: built");
}

function checkNode() {
  const [major, minor] = process.versions.node.split(".").map(Number);
  if (major < 20 || (major === 20 && minor < 19)) {
    throw new BuildError(`expected Node 20.19 or later, got ${process.versions.node}; do: install a newer Node`);
  }
}

/** Installs the parts named in `wanted` that are missing. */
export async function setup(wanted = ALL) {
  checkNode();
  if (wanted.python) await setupPython(wanted.python);
  if (wanted.node) await setupNode(wanted.node);
  if (wanted.node) await setupDashboard(); // before the assets, whose wheel has it
  if (wanted.assets) await setupAssets();
  if (wanted.chromium && !chromiumPath()) await installChromium();
}

function summary(demo) {
  const python = probe(PYTHON, ["--version"]).stdout.trim();
  const pyodide = JSON.parse(readFileSync(join(ROOT, "node_modules", "pyodide", "package.json"), "utf8")).version;
  const found = [python, `Node ${process.versions.node}`, `Pyodide ${pyodide}`];
  if (demo) return `Ready to serve the page: ${found.join(", ")}`;
  found.push(probe(chromiumPath(), ["--version", "--no-sandbox"]).stdout.trim() || chromiumPath());
  return `Everything is installed: ${found.join(", ")}`;
}

if (isMain(import.meta.url)) {
  await runMain(async (args) => {
    const unknown = args.filter((arg) => arg !== "--demo");
    if (unknown.length) throw new BuildError(`expected --demo or no option, got ${unknown.join(" ")}`);
    const demo = args.length > 0;
    await setup(demo ? DEMO : ALL);
    console.log(summary(demo));
  });
}
