// Who may import whom in web/, and what must be so in loom_py/ for the rank contract to see every file.

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, sep } from "node:path";
import { isMain, ROOT, runMain } from "./lib.mjs";

// gpu/ stands alone; visualiser/ is fed messages by anyone, so it never knows the bridge.
const MAY_IMPORT = {
  gpu: [],
  generated: [],
  visualiser: ["generated"],
  bridge: ["generated", "gpu"],
  demo: ["generated", "bridge", "visualiser"],
};
const IMPORT = /(?:\bfrom|\bimport|\bimport\s*\(|\bnew URL\s*\()\s*["'](\.[^"']*)["']/g;

/** Every file below `folder`, as paths from it. */
function filesBelow(folder) {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath ?? entry.path, entry.name)));
}

/** Lines about imports in the TypeScript of `web` that go where they may not. */
export function webBreaches(web) {
  const breaches = [];
  for (const file of filesBelow(web).filter((name) => /\.[cm]?tsx?$/.test(name))) {
    const [house] = file.split(sep);
    const allowed = MAY_IMPORT[house];
    if (!allowed) breaches.push(`web/${file}: "${house}" has no rank; do: give it one in build/ranks.mjs`);
    for (const [, target] of readFileSync(join(web, file), "utf8").matchAll(IMPORT)) {
      const [other] = relative(web, join(web, dirname(file), target)).split(sep);
      if (other !== house && !allowed?.includes(other)) {
        breaches.push(
          `web/${file}: imports "${target}"; ${house} may import ${allowed?.join(", ") || "nothing of ours"}`,
        );
      }
    }
  }
  return breaches;
}

/** Folders of Python without __init__.py: import-linter doesn't look into them. */
export function unseenFolders(root) {
  const folders = new Set(
    filesBelow(root)
      .filter((name) => name.endsWith(".py"))
      .map(dirname),
  );
  return [...folders].filter((folder) => !existsSync(join(root, folder, "__init__.py")));
}

if (isMain(import.meta.url)) {
  await runMain(() => {
    const lines = webBreaches(join(ROOT, "web"));
    for (const folder of unseenFolders(join(ROOT, "loom_py"))) lines.push(`loom_py/${folder} has no __init__.py`);
    for (const line of lines) console.log(line);
    return lines.length ? 1 : 0;
  });
}
