// Import contract of web/: ranks of folders, no circles between files. Also checks that import-linter sees all of loom_py/.

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, posix, relative, sep } from "node:path";
import { isMain, ROOT, runMain } from "./lib.mjs";

// Every folder with TypeScript and the folders it may import from. gpu/ and visualiser/ know nothing of each other or
// of the bridge: a GPU host serves any driver, and the dashboard draws messages from any source.
const MAY_IMPORT = {
  generated: [],
  gpu: [],
  bridge: ["generated", "gpu"],
  "visualiser/data": ["generated"],
  "visualiser/draw": ["visualiser/data"],
  "visualiser/panels": ["visualiser/data", "visualiser/draw"],
  visualiser: ["visualiser/data", "visualiser/draw", "visualiser/panels"],
  "visualiser/notebook": ["visualiser", "visualiser/data", "visualiser/draw"],
  demo: ["generated", "bridge", "visualiser"],
};

// Type-only imports that may close a circle, as "from.ts → to.ts" with paths below web/; each needs a reason here.
const TYPE_CIRCLES = [];

const STATEMENT = /\b(?:import|export)\s+(type\s+(?=[\w*{$]))?[^"'`;]*?\bfrom\s*["'](\.[^"']*)["']/g;
const BARE = /(?:\bimport\s*\(?|\bnew URL\s*\()\s*["'](\.[^"']*)["']/g;

/** Every file below `folder`, by relative path. */
function filesBelow(folder) {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) =>
      relative(folder, join(entry.parentPath ?? entry.path, entry.name))
        .split(sep)
        .join("/"),
    );
}

/** Relative imports of a file: the text, the path below web/ (resolved where the file exists), and the kind. */
function importsOf(web, file, files) {
  const text = readFileSync(join(web, file), "utf8");
  const found = [
    ...[...text.matchAll(STATEMENT)].map(([, type, target]) => ({ target, typeOnly: type !== undefined })),
    ...[...text.matchAll(BARE)].map(([, target]) => ({ target, typeOnly: false })),
  ];
  return found.map((one) => {
    const path = posix.join(posix.dirname(file), one.target);
    const known = [path, `${path}.ts`, `${path}/index.ts`].find((candidate) => files.has(candidate));
    return { ...one, path: known ?? (path in MAY_IMPORT ? `${path}/index.ts` : path), exists: known !== undefined };
  });
}

/** Problem with the rank of one import; undefined if it is allowed. */
function rankProblem(file, { target, path }) {
  const [from, to] = [posix.dirname(file), posix.dirname(path)];
  if (from === to) return undefined;
  const allowed = MAY_IMPORT[from] ?? [];
  if (!allowed.includes(to)) {
    return `web/${file}: imports "${target}"; ${from} may import ${allowed.join(", ") || "nothing of ours"}`;
  }
  const isInside = from.split("/")[0] === to.split("/")[0] || to === "generated";
  if (isInside || posix.basename(path) === "index.ts") return undefined;
  return `web/${file}: imports "${target}"; import it from ${to}/index.ts, the folder's public part`;
}

/** One circle for each import that closes one, as lists of files that begin and end with the same. */
function circlesIn(graph) {
  const circles = [];
  const done = new Set();
  const visit = (file, trail) => {
    const start = trail.indexOf(file);
    if (start >= 0) circles.push([...trail.slice(start), file]);
    if (start >= 0 || done.has(file)) return;
    for (const next of graph.get(file) ?? []) visit(next, [...trail, file]);
    done.add(file);
  };
  for (const file of [...graph.keys()].sort()) visit(file, []);
  return circles;
}

/** Breaches of the contract in the TypeScript of `web`, one line each; `typeCircles` is for tests. */
export function webBreaches(web, typeCircles = TYPE_CIRCLES) {
  const files = new Set(filesBelow(web).filter((name) => /\.[cm]?tsx?$/.test(name)));
  const breaches = [];
  const graph = new Map();
  const unused = new Set(typeCircles);
  for (const file of files) {
    const folder = posix.dirname(file);
    if (!(folder in MAY_IMPORT)) {
      breaches.push(`web/${file}: "${folder}" has no rank; do: give it one in build/ranks.mjs`);
    }
    const imports = importsOf(web, file, files);
    breaches.push(...imports.map((one) => rankProblem(file, one)).filter((problem) => problem !== undefined));
    const excepted = ({ path, typeOnly }) => typeOnly && typeCircles.includes(`${file} → ${path}`);
    for (const one of imports.filter(excepted)) unused.delete(`${file} → ${one.path}`);
    graph.set(
      file,
      imports.filter((one) => one.exists && !excepted(one)).map(({ path }) => path),
    );
  }
  for (const circle of circlesIn(graph))
    breaches.push(`web/: files import each other in a circle: ${circle.join(" → ")}`);
  for (const name of unused)
    breaches.push(`build/ranks.mjs: "${name}" is no type-only import; do: remove the exception`);
  return breaches;
}

/** Folders of Python without __init__.py, which import-linter does not look into. */
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
    for (const folder of unseenFolders(join(ROOT, "loom_py")))
      lines.push(`loom_py/${folder}: expected an __init__.py, found none; import-linter does not look into it`);
    for (const line of lines) console.log(line);
    return lines.length ? 1 : 0;
  });
}
