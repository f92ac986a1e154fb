import { createHash } from "node:crypto";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { type LoadingError, LoadingProgress, WatchedFetch } from "../../../web/bridge/loading.ts";
import type { ProgressMessage } from "../../../web/bridge/protocol.ts";

const BODY = Buffer.alloc(300_000, 7);
const SHA256 = createHash("sha256").update(BODY).digest("base64");
let server: Server;
let address: string;
let requests = 0;

beforeAll(async () => {
  server = createServer((request, response) => {
    requests++;
    if (request.url === "/file" || request.url === "/module.wasm")
      response.setHeader("content-length", BODY.length).end(BODY);
    else if (request.url === "/chunked") response.write(BODY, () => response.end());
    else if (request.url === "/reset") request.destroy();
    else response.writeHead(404).end();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

afterAll(() => server.close());

function watch() {
  const reported: ProgressMessage[] = [];
  const progress = new LoadingProgress((message) => reported.push(message));
  const watched = new WatchedFetch(fetch, progress);
  return { watched, fetch: watched.fetch, reported, progress, failure: () => watched.failure as LoadingError };
}

test("bytes are counted as they arrive, and the body is unchanged", async () => {
  const { fetch, reported, progress } = watch();
  const response = await fetch(`${address}/file`, { integrity: `sha256-${SHA256}` });
  expect(Buffer.from(await response.arrayBuffer()).equals(BODY)).toBe(true);
  progress.phase("ready", "Ready");
  expect(reported.at(-1)).toEqual({ kind: "progress", phase: "ready", loaded: 300_000, total: 300_000, text: "Ready" });
});

test("a size that the server does not send is null", async () => {
  const { fetch, reported, progress } = watch();
  await (await fetch(`${address}/chunked`)).arrayBuffer();
  await (await fetch(`${address}/file`)).arrayBuffer();
  progress.phase("ready", "Ready");
  expect(reported.at(-1)).toMatchObject({ loaded: 600_000, total: null });
});

test.each([
  ["/missing", {}, "network", /Could not load .*\/missing: the server answered 404 Not Found\./],
  ["/reset", {}, "network", /Could not load .*\/reset: /],
  ["/file", { integrity: `sha256-${createHash("sha256").update("other").digest("base64")}` }, "bad_hash", /SHA-256/],
])("%s fails with a message", async (path, init, code, words) => {
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

describe("a file fetched ahead", () => {
  const init = { integrity: `sha256-${SHA256}` };

  test("is fetched once, counted once, and given to the request for the same file", async () => {
    const { watched, reported, progress } = watch();
    const before = requests;
    await watched.ahead(`${address}/file`, init);
    const response = await watched.fetch(`${address}/file`, init);
    expect(Buffer.from(await response.arrayBuffer()).equals(BODY)).toBe(true);
    expect(requests - before).toBe(1);
    await (await watched.fetch(`${address}/file`, init)).arrayBuffer();
    expect(requests - before).toBe(2);
    progress.phase("ready", "Ready");
    expect(reported.at(-1)).toMatchObject({ loaded: 600_000, total: 600_000 });
  });

  test("is not used for a request with another hash", async () => {
    const { watched } = watch();
    await watched.ahead(`${address}/file`);
    const other = { integrity: `sha256-${createHash("sha256").update("other").digest("base64")}` };
    await expect(watched.fetch(`${address}/file`, other)).rejects.toThrow(/SHA-256/);
  });

  test("fails on request, and only then", async () => {
    const { watched, failure } = watch();
    await expect(watched.ahead(`${address}/missing`)).rejects.toThrow();
    expect(failure()).toBeUndefined();
    await expect(watched.fetch(`${address}/missing`)).rejects.toThrow(/404/);
    expect(failure().message).toMatch(/missing/);
  });
});

test("WebAssembly responses are passed on unchanged, so that browsers cache the code, and counted when complete", async () => {
  const { fetch, reported, progress } = watch();
  const response = await fetch(`${address}/module.wasm`);
  expect(response.url).toBe(`${address}/module.wasm`);
  expect((await response.arrayBuffer()).byteLength).toBe(BODY.length);
  await vi.waitFor(() => {
    progress.phase("ready", "Ready");
    expect(reported.at(-1)).toMatchObject({ loaded: 300_000, total: 300_000 });
  });
});
