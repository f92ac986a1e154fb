import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import ts from "typescript-5.9";
import { describe, expect, test } from "vitest";
import type { MethodTable, Surface } from "../../../web/bridge/protocol.ts";

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));
const PYTHON = [".venv/bin/python", ".venv/Scripts/python.exe"].find((path) => existsSync(ROOT + path)) ?? "python3";

/** Members that the bridge adds to those of the surface. */
const OWN = new Set(["dispose", "observe"]);

/** The surface of an API, from the package. */
function surfaceOf(inSteps: boolean): Surface {
  const code = `
import json
from loom_py.session.package import open_session
print(json.dumps(open_session(in_steps=${inSteps ? "True" : "False"}).surface.table()))`;
  return JSON.parse(execFileSync(PYTHON, ["-c", code], { cwd: ROOT, encoding: "utf8" }));
}

type Members = Map<string, { positional: string[]; hasOptions: boolean }>;

/** Interfaces of the declarations with their methods, at the top level or in the namespace `of`. */
function interfacesOf(of?: string): Map<string, Members> {
  const text = readFileSync(`${ROOT}web/generated/loom.d.ts`, "utf8");
  const file = ts.createSourceFile("loom.d.ts", text, ts.ScriptTarget.ES2022);
  const inner = file.statements.find((node) => ts.isModuleDeclaration(node) && node.name.text === of);
  const body = inner && ts.isModuleDeclaration(inner) ? inner.body : undefined;
  const statements = body && ts.isModuleBlock(body) ? body.statements : file.statements;
  const found = new Map<string, Members>();
  for (const node of statements.filter(ts.isInterfaceDeclaration)) {
    const members: Members = found.get(node.name.text) ?? new Map();
    found.set(node.name.text, members);
    for (const member of node.members) {
      if (!member.name || !ts.isIdentifier(member.name)) continue;
      const names = ts.isMethodSignature(member)
        ? member.parameters.map((parameter) => (ts.isIdentifier(parameter.name) ? parameter.name.text : "?"))
        : [];
      const hasOptions = names.at(-1) === "options";
      members.set(member.name.text, { positional: hasOptions ? names.slice(0, -1) : names, hasOptions });
    }
  }
  return found;
}

const camel = (name: string) => name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());

function compare(members: Members, table: MethodTable): void {
  for (const [name, { positional, hasOptions }] of members) {
    if (OWN.has(name)) continue;
    const entry = table[name];
    expect(entry, `${name} is in the types and callable`).toBeDefined();
    expect(entry?.positional.map(camel), name).toEqual(positional);
    if ((entry?.named.length ?? 0) > 0) expect(hasOptions, `${name} has options in the types`).toBe(true);
    if (hasOptions)
      expect((entry?.named.length ?? 0) > 0 || entry?.kind === "long", `${name} takes options`).toBe(true);
  }
}

describe.each([
  ["async", undefined, true],
  ["sync", "direct", false],
] as const)("the %s API", (_, namespace, inSteps) => {
  const surface = surfaceOf(inSteps);
  const interfaces = interfacesOf(namespace);

  test("takes the arguments of the library's functions as declared", () => {
    compare(interfaces.get("Loom") as Members, surface.library);
    expect(interfaces.get("Loom")?.size).toBeGreaterThan(5);
  });

  test.each(Object.keys(surface.classes).filter((name) => interfaces.has(name)))("takes those of %s", (name) => {
    compare(interfaces.get(name) as Members, surface.classes[name] as MethodTable);
    expect(interfaces.get(name)?.size).toBeGreaterThan(2);
  });
});
