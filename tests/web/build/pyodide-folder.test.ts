import { createHash } from "node:crypto";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, request, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build, createServer as createViteServer, type InlineConfig } from "vite";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { PYODIDE_DIR } from "../../../build/lib.mjs";
import { pyodideFolder, serve } from "../../../build/pyodide-plugin.mjs";

interface Lock {
  packages: Record<string, { file_name: string; sha256: string; depends: string[] }>;
}

const lock: Lock = JSON.parse(readFileSync(join(PYODIDE_DIR, "pyodide-lock.json"), "utf8"));

describe("the folder that the page loads Python from", () => {
  it("has a lock file with exactly its wheels and their hashes", () => {
    const wheels = readdirSync(PYODIDE_DIR).filter((name) => name.endsWith(".whl"));
    const rows = Object.values(lock.packages);
    expect(rows.map((row) => row.file_name).sort()).toEqual(wheels.sort());
    for (const { file_name, sha256 } of rows) {
      const bytes = readFileSync(join(PYODIDE_DIR, file_name));
      expect(createHash("sha256").update(bytes).digest("hex")).toBe(sha256);
    }
    expect(lock.packages["loom-py"]?.depends).toEqual(["numpy"]);
  });
});

describe("a build with it", () => {
  let folder: string;
  let config: InlineConfig;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "loom-"));
    writeFileSync(join(folder, "index.html"), "<title>a page</title>");
    const outDir = join(folder, "out");
    const server = { host: "127.0.0.1", port: 0, hmr: false, watch: null } as const;
    config = {
      configFile: false,
      root: folder,
      logLevel: "error",
      plugins: [pyodideFolder()],
      build: { outDir },
      server,
    };
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  it("is written only by builds, not by a development server that closes", async () => {
    const server = await createViteServer(config);
    await server.listen();
    await server.close();
    expect(existsSync(join(folder, "out"))).toBe(false);
  });

  it("is copied into the folder of an absolute path", async () => {
    await build(config);
    expect(readdirSync(join(folder, "out/pyodide"))).toEqual(
      expect.arrayContaining(["pyodide.mjs", "pyodide-lock.json"]),
    );
    expect(existsSync(join(folder, join(folder, "out")))).toBe(false);
  });
});

describe("serving it", () => {
  let server: Server;
  beforeAll(async () => {
    const answer = serve(PYODIDE_DIR);
    server = createServer((asked, response) => answer(asked, response, () => response.end("the page")));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  });
  afterAll(() => server.close());

  // Not fetch, which normalises the address before sending it.
  function get(path: string, headers: Record<string, string> = {}) {
    const { port } = server.address() as AddressInfo;
    return new Promise<{ status: number; type: string; tag: string; text: string }>((resolve, reject) => {
      request({ host: "127.0.0.1", port, path, headers }, (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk: Buffer) => chunks.push(chunk));
        response.on("end", () =>
          resolve({
            status: response.statusCode ?? 0,
            type: response.headers["content-type"] ?? "",
            tag: response.headers.etag ?? "",
            text: Buffer.concat(chunks).toString("latin1"),
          }),
        );
      })
        .on("error", reject)
        .end();
    });
  }

  it("sends whole files with their types, and 304 for unchanged ones", async () => {
    const wasm = await get("/pyodide/pyodide.asm.wasm?v=1");
    expect([wasm.status, wasm.type]).toEqual([200, "application/wasm"]);
    expect(wasm.text.length).toBe(readFileSync(join(PYODIDE_DIR, "pyodide.asm.wasm")).length);
    expect((await get("/pyodide/pyodide.asm.wasm", { "if-none-match": wasm.tag })).status).toBe(304);
    expect((await get("/pyodide/pyodide.mjs")).type).toBe("text/javascript");
  });

  it("answers 404 with a message, never with the page", async () => {
    const missing = await get("/pyodide/numpy.whl");
    expect(missing.status).toBe(404);
    expect(missing.text).toContain("npm run setup");
  });

  it.each(["/pyodide/..%2fassets.json", "/pyodide/%2e%2e/assets.json", "/pyodide/..%5cassets.json", "/pyodide/"])(
    "sends nothing from outside the folder: %s",
    async (path) => {
      const answer = await get(path);
      expect(answer.text).not.toContain('"base"');
      expect(answer.status === 404 || answer.text === "the page").toBe(true);
    },
  );

  it("leaves every other address to the page", async () => {
    expect((await get("/index.html")).text).toBe("the page");
  });
});
