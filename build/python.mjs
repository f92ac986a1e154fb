// Finds CPython; as a script, runs the virtual environment's Python with its own arguments.

import { existsSync, readdirSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { BuildError, isMain, PYTHON, probe, run, runMain, WINDOWS } from "./lib.mjs";

// Pyodide 0.29 has 3.13, so bytecode made with 3.13 runs there; with the others the page compiles at start.
const PREFERENCE = ["3.13", "3.14", "3.12", "3.11"];
const ASK = "import sys, venv, ensurepip; print('%d.%d.%d' % sys.version_info[:3])";

function pyenvCandidates() {
  const folder = join(process.env.PYENV_ROOT ?? join(homedir(), ".pyenv"), "versions");
  if (!existsSync(folder)) return [];
  return readdirSync(folder).map((name) => ({ command: join(folder, name, "bin", "python"), args: [] }));
}

function candidates() {
  const named = PREFERENCE.map((version) => ({ command: `python${version}`, args: [] }));
  const launcher = WINDOWS ? PREFERENCE.map((version) => ({ command: "py", args: [`-${version}`] })) : [];
  const plain = ["python3", "python"].map((command) => ({ command, args: [] }));
  return [...named, ...pyenvCandidates(), ...launcher, ...plain];
}

/** The best CPython on this machine: { command, args, version }. LOOM_PYTHON overrides the search. */
export function findPython() {
  const own = process.env.LOOM_PYTHON;
  const found = [];
  for (const candidate of own ? [{ command: own, args: [] }] : candidates()) {
    const answer = probe(candidate.command, [...candidate.args, "-c", ASK]);
    const version = answer.stdout.trim();
    const rank = PREFERENCE.findIndex((wanted) => version.startsWith(`${wanted}.`));
    if (answer.ok && rank >= 0) found.push({ ...candidate, version, rank });
    if (rank === 0) break;
  }
  const [best] = found.sort((a, b) => a.rank - b.rank);
  if (best) return best;
  throw new BuildError(
    `expected CPython ${PREFERENCE.join(", ")} with its venv module${own ? ` at LOOM_PYTHON=${own}` : ""}, found none; ` +
      "do: install Python 3.13 (on Debian: apt-get install python3-venv), or set LOOM_PYTHON to its path",
  );
}

if (isMain(import.meta.url)) {
  await runMain(async (args) => {
    if (!existsSync(PYTHON)) throw new BuildError("expected the environment .venv, found none; do: npm run setup");
    return run(PYTHON, args, { stdio: "inherit" });
  });
}
