// Helpers of the build scripts. Node's own modules only: these run before `npm ci`.

import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { setPriority } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
export const CACHE = join(ROOT, ".cache");
export const PYODIDE_DIR = join(CACHE, "pyodide");
export const VENV = join(ROOT, ".venv");
export const WINDOWS = process.platform === "win32";
export const PYTHON = WINDOWS ? join(VENV, "Scripts", "python.exe") : join(VENV, "bin", "python");

export const HEARTBEAT_MS = 10_000;

/** A failure with a message for users, printed without a stack. */
export class BuildError extends Error {}

export const sha256 = (path) => createHash("sha256").update(readFileSync(path)).digest("hex");

/** The path of a program in the virtual environment. */
export const inVenv = (name) => join(dirname(PYTHON), WINDOWS ? `${name}.exe` : name);

/** The JavaScript file behind a command of an installed npm package. */
export function nodeTool(packageName, command = packageName) {
  const folder = join(ROOT, "node_modules", packageName);
  const { bin } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  return join(folder, typeof bin === "string" ? bin : bin[command]);
}

/** Runs a program quietly and returns its result; never throws. */
export function probe(command, args, options = {}) {
  const done = spawnSync(command, args, { encoding: "utf8", cwd: ROOT, ...options });
  return { ok: done.status === 0, stdout: done.stdout ?? "", stderr: done.stderr ?? "" };
}

/** Runs a program with the terminal's output; returns the exit code. */
export function run(command, args, options = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: ROOT, stdio: ["ignore", "inherit", "inherit"], ...options });
    child.on("error", reject);
    child.on("close", (code, signal) => resolve(signal ? 1 : code));
  });
}

/** Runs a program, shows its output as it comes (`show`), and returns exit code and text; `priority` as `nice` counts it. */
export function tee(command, args, { show = true, priority = 0, ...options } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: ROOT, stdio: ["ignore", "pipe", "pipe"], ...options });
    if (priority && child.pid) setPriority(child.pid, priority); // what it starts inherits it
    let text = "";
    for (const [from, to] of [
      [child.stdout, process.stdout],
      [child.stderr, process.stderr],
    ]) {
      from.setEncoding("utf8");
      from.on("data", (chunk) => {
        text += chunk;
        if (show) to.write(chunk);
      });
    }
    child.on("error", reject);
    child.on("close", (code, signal) => resolve({ code: signal ? 1 : code, text }));
  });
}

/** Runs a long step quietly: prints its title, a heartbeat and its duration, and on failure all of its output. */
export async function step(text, command, args, options = {}) {
  const start = Date.now();
  const seconds = () => `${((Date.now() - start) / 1000).toFixed(0)} s`;
  console.log(`${text} …`);
  const alive = setInterval(() => console.log(`  still running, ${seconds()}`), HEARTBEAT_MS);
  let output = "";
  const code = await new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: ROOT, stdio: ["ignore", "pipe", "pipe"], ...options });
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (chunk) => {
        output += chunk;
      });
    }
    child.on("error", reject);
    child.on("close", (status, signal) => resolve(signal ? 1 : status));
  }).finally(() => clearInterval(alive));
  if (code !== 0) throw new BuildError(`${text} failed (exit ${code}):\n${output.trim()}`);
  console.log(`  done in ${seconds()}`);
}

/** Whether this file is the one that Node was started with. */
export const isMain = (url) => process.argv[1] !== undefined && fileURLToPath(url) === process.argv[1];

/** Sets the exit code to the result of `main`; a BuildError prints its message without a stack. */
export async function runMain(main) {
  try {
    process.exitCode = (await main(process.argv.slice(2))) ?? 0;
  } catch (error) {
    console.error(error instanceof BuildError ? `\n${error.message}` : error);
    process.exitCode = 1;
  }
}
