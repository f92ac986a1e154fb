import { createHash } from "node:crypto";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type LoadingError, LoadingProgress, WatchedFetch } from "../../../web/bridge/loading.ts";
import type { ProgressMessage } from "../../../web/bridge/protocol.ts";

const BODY = Buffer.alloc(300_000, 7);
const SHA256 = createHash("sha256").update(BODY).digest("base64");
let server: Server;
let address: string;

beforeAll(async () => {
  server = createServer((request, response) => {
    if (request.url === "/file") response.setHeader("content-length", BODY.length).end(BODY);
    else if (request.url === "/chunked") response.write(BODY, () => response.end());
    else if (request.url === "/reset") request.destroy();
    else response.writeHead(404).end();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

afterAll(() => server.close());

function watch(): { fetch: typeof fetch; told: ProgressMessage[]; progress: LoadingProgress; failure(): LoadingError } {
  const told: ProgressMessage[] = [];
  const progress = new LoadingProgress((message) => told.push(message));
  const watched = new WatchedFetch(fetch, progress);
  return { fetch: watched.fetch, told, progress, failure: () => watched.failure as LoadingError };
}

test("bytes are counted as they arrive, and the body is untouched", async () => {
  const { fetch, told, progress } = watch();
  const response = await fetch(`${address}/file`, { integrity: `sha256-${SHA256}` });
  expect(Buffer.from(await response.arrayBuffer()).equals(BODY)).toBe(true);
  progress.phase("ready", "Ready");
  expect(told.at(-1)).toEqual({ kind: "progress", phase: "ready", loaded: 300_000, total: 300_000, text: "Ready" });
});

test("a size that the server does not say is null", async () => {
  const { fetch, told, progress } = watch();
  await (await fetch(`${address}/chunked`)).arrayBuffer();
  await (await fetch(`${address}/file`)).arrayBuffer();
  progress.phase("ready", "Ready");
  expect(told.at(-1)).toMatchObject({ loaded: 600_000, total: null });
});

test.each([
  ["/missing", {}, "network", /Could not load .*\/missing: the server answered 404 Not Found\./],
  ["/reset", {}, "network", /Could not load .*\/reset: /],
  ["/file", { integrity: `sha256-${createHash("sha256").update("other").digest("base64")}` }, "bad_hash", /SHA-256/],
])("%s fails in words", async (path, init, code, words) => {
  const { fetch, failure } = watch();
  await expect(fetch(address + path, init)).rejects.toThrow(words);
  expect(failure().wire).toMatchObject({ name: "LoomError", code });
});

test("the first failure is kept", async () => {
  const { fetch, failure } = watch();
  await expect(fetch(`${address}/missing`)).rejects.toThrow();
  await expect(fetch(`${address}/reset`)).rejects.toThrow();
  expect(failure().message).toMatch(/missing/);
});
