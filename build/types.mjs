// Checks the generated declarations as users' compilers do: strict, no skipLibCheck, TypeScript 5.9 and 7.

import { readdirSync } from "node:fs";
import { join } from "node:path";
import { BuildError, isMain, nodeTool, probe, ROOT, runMain } from "./lib.mjs";

const COMPILERS = [
  ["TypeScript 5.9", nodeTool("typescript-5.9", "tsc")],
  ["TypeScript 7", nodeTool("typescript", "tsc")],
];
const GENERATED = join(ROOT, "web", "generated");
const CONFIG = join(ROOT, "tsconfig.types.json");

if (isMain(import.meta.url)) {
  await runMain(() => {
    const declared = readdirSync(GENERATED).filter((name) => name.endsWith(".d.ts"));
    if (declared.length === 0) throw new BuildError(`expected declarations in ${GENERATED}, found none`);
    let failed = 0;
    for (const [name, tsc] of COMPILERS) {
      const listed = probe(process.execPath, [tsc, "-p", CONFIG, "--listFilesOnly"]).stdout;
      const missed = declared.filter((file) => !listed.includes(`/generated/${file}`));
      const done = probe(process.execPath, [tsc, "-p", CONFIG, "--pretty", "false"]);
      const ok = done.ok && missed.length === 0;
      const files = listed.split("\n").filter((line) => line.includes(ROOT) && !line.includes("node_modules")).length;
      console.log(`${ok ? "ok  " : "FAIL"} ${name}: ${files} files of ours, strict, without skipLibCheck`);
      if (!done.ok) console.log(done.stdout + done.stderr);
      for (const file of missed) console.log(`  ${file} was not looked at`);
      failed += ok ? 0 : 1;
    }
    console.log(`types: ${COMPILERS.length - failed} passed, ${failed} failed`);
    return failed ? 1 : 0;
  });
}
