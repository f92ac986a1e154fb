// `npm run setup`: brings everything that is missing, and says so; one line when nothing is.

import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { chromiumPath, installChromium } from "./chromium.mjs";
import { BuildError, isMain, PYTHON, probe, ROOT, run, runMain, sha256, step, VENV } from "./lib.mjs";
import { findPython } from "./python.mjs";

const LOCK = join(ROOT, "requirements", "dev.txt");
const ALL = { python: true, node: true, chromium: true, assets: true };

async function setupPython() {
  const stampFile = join(VENV, ".loom-stamp");
  const works = existsSync(PYTHON) && probe(PYTHON, ["-c", "import pip"]).ok;
  if (works && existsSync(stampFile) && readFileSync(stampFile, "utf8") === sha256(LOCK)) return;
  if (!works) {
    rmSync(VENV, { recursive: true, force: true });
    const { command, args, version } = findPython();
    await step(`Python environment .venv (CPython ${version})`, command, [...args, "-m", "venv", VENV]);
  }
  // The lock has every package with its hashes, so nothing else is resolved or trusted.
  const install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes", "-r", LOCK];
  await step("Python packages of requirements/dev.txt", PYTHON, install);
  writeFileSync(stampFile, sha256(LOCK));
}

async function setupNode() {
  const lock = join(ROOT, "package-lock.json");
  const stampFile = join(ROOT, "node_modules", ".loom-stamp");
  if (existsSync(stampFile) && readFileSync(stampFile, "utf8") === sha256(lock)) return;
  const npm = process.env.npm_execpath ? [process.execPath, process.env.npm_execpath] : ["npm"];
  const args = [...npm.slice(1), "ci", "--include=dev", "--no-audit", "--no-fund"];
  await step("Node packages of package-lock.json", npm[0], args, { shell: npm.length === 1 });
  writeFileSync(stampFile, sha256(lock));
}

async function setupAssets() {
  const code = await run(PYTHON, [join(ROOT, "build", "assets.py")]);
  if (code !== 0) throw new BuildError("Pyodide's folder could not be made; the lines above say why");
}

function checkNode() {
  const [major, minor] = process.versions.node.split(".").map(Number);
  if (major < 20 || (major === 20 && minor < 19)) {
    throw new BuildError(`expected Node 20.19 or later, got ${process.versions.node}; do: install a current Node`);
  }
}

/** Brings the parts that `wanted` names; does nothing for those that are there. */
export async function setup(wanted = ALL) {
  checkNode();
  if (wanted.python) await setupPython();
  if (wanted.node) await setupNode();
  if (wanted.assets) await setupAssets();
  if (wanted.chromium && !chromiumPath()) await installChromium();
}

function summary() {
  const python = probe(PYTHON, ["--version"]).stdout.trim();
  const pyodide = JSON.parse(readFileSync(join(ROOT, "node_modules", "pyodide", "package.json"), "utf8")).version;
  const browser = probe(chromiumPath(), ["--version", "--no-sandbox"]).stdout.trim() || chromiumPath();
  return `Everything is in place: ${python}, Node ${process.versions.node}, Pyodide ${pyodide}, ${browser}`;
}

if (isMain(import.meta.url)) {
  await runMain(async () => {
    await setup();
    console.log(summary());
  });
}
