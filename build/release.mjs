// `npm run release`: builds the files of a release into release/, from this working tree.
//
// A wheel and a source distribution, the TypeScript of web/ as an npm package, the built page as a zip, the notes of this
// version from CHANGELOG.md, and SHA256SUMS. Publishes nothing.

import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { BuildError, isMain, PYTHON, ROOT, runMain, sha256, step } from "./lib.mjs";
import { setup } from "./setup.mjs";
import { buildPage, refreshTypes } from "./start.mjs";

const OUT = join(ROOT, "release");
const WEB = ["bridge", "generated", "gpu", "visualiser"];

/** The version, which only pyproject.toml has. */
export function versionOf(pyproject) {
  const found = /^version = "(\d+\.\d+\.\d+\S*)"$/m.exec(pyproject);
  if (!found) throw new BuildError('expected a line version = "X.Y.Z" in pyproject.toml, got none');
  return found[1];
}

/** The text under the heading of this version in CHANGELOG.md. */
export function notesOf(changelog, version) {
  const parts = changelog.split(/^## /m).slice(1);
  const part = parts.find((text) => text.startsWith(`[${version}]`));
  if (!part) {
    throw new BuildError(
      `expected a heading "## [${version}] - YYYY-MM-DD" in CHANGELOG.md, got none; do: rename "## [Unreleased]"`,
    );
  }
  return `${part.slice(part.indexOf("\n")).trim()}\n`;
}

/** Refuses a tag that does not name this version. */
export function checkTag(tag, version) {
  if (tag !== undefined && tag !== `v${version}`) {
    throw new BuildError(
      `expected the tag v${version}, the version in pyproject.toml, got ${tag}; do: correct one of the two`,
    );
  }
}

async function packWeb(version) {
  const folder = mkdtempSync(join(tmpdir(), "loom-npm-"));
  const { name, description, license, type } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));
  const exports = { ".": "./bridge/index.ts", "./visualiser": "./visualiser/index.ts", "./*": "./*" };
  const files = [...WEB, "LICENSE"];
  const described = { name, version, description, license, type, exports, files };
  writeFileSync(join(folder, "package.json"), `${JSON.stringify(described, null, 2)}\n`);
  for (const part of WEB) cpSync(join(ROOT, "web", part), join(folder, part), { recursive: true });
  cpSync(join(ROOT, "LICENSE"), join(folder, "LICENSE"));
  const npm = process.env.npm_execpath ? [process.execPath, process.env.npm_execpath] : ["npm"];
  const args = [...npm.slice(1), "pack", "--silent", "--pack-destination", OUT];
  await step("npm package", npm[0], args, { cwd: folder, shell: npm.length === 1 });
  rmSync(folder, { recursive: true });
}

async function release(args) {
  const version = versionOf(readFileSync(join(ROOT, "pyproject.toml"), "utf8"));
  checkTag(args[0], version);
  const notes = notesOf(readFileSync(join(ROOT, "CHANGELOG.md"), "utf8"), version);
  await setup({ python: "all", node: "demo" });
  refreshTypes();
  await setup({ assets: true }); // the kernels, which the wheel contains
  rmSync(OUT, { recursive: true, force: true });
  mkdirSync(OUT);
  const build = ["-m", "build", "--no-isolation", "--sdist", "--wheel", "--outdir", OUT];
  await step("Wheel and source distribution", PYTHON, build);
  await packWeb(version);
  await buildPage();
  const page = join(OUT, `loom-page-${version}.zip`);
  await step("The page", PYTHON, ["-m", "zipfile", "-c", page, join(ROOT, "dist")]);
  const sums = readdirSync(OUT).map((name) => `${sha256(join(OUT, name))}  ${name}\n`);
  writeFileSync(join(OUT, "SHA256SUMS"), sums.join(""));
  writeFileSync(join(OUT, "NOTES.md"), notes);
  console.log(`Version ${version} is in release/:\n${sums.join("")}`);
}

if (isMain(import.meta.url)) await runMain(release);
