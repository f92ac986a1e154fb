// `npm run lint`: runs every checker, as many at once as there are cores, even after one has failed; the last line names
// those that found something.

import { availableParallelism } from "node:os";
import { join } from "node:path";
import { inVenv, nodeTool, PYTHON, ROOT, runMain, tee } from "./lib.mjs";
import { setup } from "./setup.mjs";

const node = (...args) => [process.execPath, ...args];

const checks = () => [
  ["mypy --strict", [PYTHON, "-m", "mypy"]], // first: it takes longest
  ["ruff check", [inVenv("ruff"), "check", "."]],
  ["ruff format", [inVenv("ruff"), "format", "--check", "."]],
  ["ranks of loom_py", [inVenv("lint-imports"), "--no-logo"]],
  ["ranks of web", node(join(ROOT, "build", "ranks.mjs"))],
  ["biome", node(nodeTool("@biomejs/biome", "biome"), "check", "--error-on-warnings", "--colors=off")],
  ["tsc", node(nodeTool("typescript", "tsc"), "-p", join(ROOT, "tsconfig.json"))],
  ["tsc, workers", node(nodeTool("typescript", "tsc"), "-p", join(ROOT, "tsconfig.worker.json"))],
];

await runMain(async () => {
  await setup({ python: "all", node: "all" });
  const found = [];
  const waiting = checks();
  const checkInTurn = async () => {
    for (let check = waiting.shift(); check; check = waiting.shift()) {
      const [name, [command, ...args]] = check;
      const { code, text } = await tee(command, args, { show: false });
      console.log(code === 0 ? `ok   ${name}` : `FAIL ${name}\n${text}`);
      if (code !== 0) found.push(name);
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, checkInTurn));
  console.log(found.length ? `lint: problems found by ${found.join(", ")}` : "lint: no problems found");
  return found.length ? 1 : 0;
});
