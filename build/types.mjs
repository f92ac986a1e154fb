// Compiles the generated declarations as users would: strict, no skipLibCheck, TypeScript 5.9 and 7.

import { readdirSync } from "node:fs";
import { join } from "node:path";
import { BuildError, isMain, nodeTool, PYTHON, probe, ROOT, runMain } from "./lib.mjs";

const COMPILERS = [
  ["TypeScript 5.9", nodeTool("typescript-5.9", "tsc")],
  ["TypeScript 7", nodeTool("typescript", "tsc")],
];
const GENERATED = join(ROOT, "web", "generated");
const CONFIG = join(ROOT, "tsconfig.types.json");

/** Whether the committed generated files are up to date. */
function checkFresh() {
  const done = probe(PYTHON, ["-m", "loom_py", "typegen", "--check"]);
  return { name: "generated files are fresh", ok: done.ok, text: `${done.stdout}${done.stderr}  do: npm run typegen` };
}

function checkWith([name, tsc]) {
  const declared = readdirSync(GENERATED).filter((file) => file.endsWith(".d.ts"));
  if (declared.length === 0) throw new BuildError(`expected declarations in ${GENERATED}, found none`);
  const listed = probe(process.execPath, [tsc, "-p", CONFIG, "--listFilesOnly"]).stdout.split("\n");
  const missed = declared.filter((file) => !listed.some((line) => line.endsWith(`/generated/${file}`)));
  const done = probe(process.execPath, [tsc, "-p", CONFIG, "--pretty", "false"]);
  const ours = listed.filter((line) => line.startsWith(ROOT) && !line.includes("node_modules")).length;
  return {
    name: `${name}: ${ours} files of ours, strict, without skipLibCheck`,
    ok: done.ok && missed.length === 0,
    text: done.stdout + done.stderr + missed.map((file) => `  ${file} was not looked at\n`).join(""),
  };
}

if (isMain(import.meta.url)) {
  await runMain(() => {
    const results = [checkFresh(), ...COMPILERS.map(checkWith)];
    for (const { name, ok, text } of results) console.log(`${ok ? "ok  " : "FAIL"} ${name}${ok ? "" : `\n${text}`}`);
    const failed = results.filter(({ ok }) => !ok).length;
    console.log(`types: ${results.length - failed} passed, ${failed} failed`);
    return failed ? 1 : 0;
  });
}
