import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { loadPython, type OpenPyodide } from "../bridge/in-pyodide.ts";

// HTTPObserver and OTLPObserver in Pyodide send with fetch from a task of the event loop; the misbehaving servers are
// those of tests/unit/observers/test_http.py.

interface Telemetry {
  format: string;
  records: { kind: string; step: number; loss?: number | string; type?: string }[];
}

interface Counters {
  produced: number;
  delivered: number;
  dropped: number;
  queued: number;
  retries: number;
  last_error: string | null;
}

let pyodide: OpenPyodide;
let server: Server;
let url: string;
let behave: (response: ServerResponse, body: string) => void;
let accepted: Telemetry[];
let bodies: string[];

function answer(response: ServerResponse, status: number, headers: Record<string, string> = {}): void {
  response.writeHead(status, headers).end("{}");
}

function accept(response: ServerResponse, body: string): void {
  accepted.push(JSON.parse(body) as Telemetry);
  answer(response, 200);
}

beforeAll(async () => {
  pyodide = await loadPython();
  server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const body = Buffer.concat(chunks).toString();
      bodies.push(body);
      behave(response, body);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/telemetry`;
  pyodide.runPython(`
import asyncio, json
from dataclasses import asdict
from loom_py.telemetry.events import TrainingEvent
from loom_py.observers import Backoff, HTTPObserver, OTLPObserver
from loom_py import runtime

def make(url, cls=HTTPObserver, **options):
    backoff = Backoff(first_s=0.01, longest_s=0.05, attempts=5)
    return cls(url, **({"interval_s": 0.01, "backoff": backoff, "close_s": 20} | options))

def produce(observer, count, start=0, **fields):
    for step in range(start, start + count):
        observer.on_training_event(TrainingEvent(type="batch_end", step=step, **fields))

async def settled(observer):
    while observer.counters.queued:
        await asyncio.sleep(0.005)
    return json.dumps(asdict(observer.counters))
`);
}, 60_000);

afterAll(() => server.close());

async function python(code: string): Promise<Counters> {
  accepted = [];
  bodies = [];
  const found = JSON.parse(
    String(await pyodide.runPythonAsync(code.replaceAll("URL", JSON.stringify(url)))),
  ) as Counters;
  expect(found.produced).toBe(found.delivered + found.dropped + found.queued);
  return found;
}

const steps = () => accepted.flatMap((body) => body.records.map((record) => record.step));
const upTo = (count: number) => Array.from({ length: count }, (_, i) => i);

test("records arrive in batches, in order, with NaN", async () => {
  behave = accept;
  const counters = await python(`
observer = make(URL, batch=50)
produce(observer, 120)
produce(observer, 1, 120, loss=float("nan"))
observer.close()
await settled(observer)`);
  expect(steps()).toEqual(upTo(121));
  expect(accepted[0]?.format).toBe("loom_py-telemetry");
  expect(Math.max(...accepted.map((body) => body.records.length))).toBe(50);
  expect(accepted.at(-1)?.records.at(-1)?.loss).toBe("NaN");
  expect(counters).toMatchObject({ delivered: 121, dropped: 0 });
});

test("requests are retried if the server is busy, not if it refuses", async () => {
  const busy = [429, 503, 502, 504];
  behave = (response, body) => {
    const status = busy.shift();
    if (status) answer(response, status, { "retry-after": "0" });
    else accept(response, body);
  };
  const again = await python(`
observer = make(URL)
produce(observer, 10)
observer.close()
await settled(observer)`);
  expect(steps()).toEqual(upTo(10));
  expect(again).toMatchObject({ delivered: 10, retries: 4, dropped: 0 });
  behave = (response) => answer(response, 401);
  const refused = await python(`
observer = make(URL)
produce(observer, 10)
observer.close()
await settled(observer)`);
  expect(bodies).toHaveLength(1);
  expect(refused).toMatchObject({ dropped: 10, last_error: "HTTP status 401" });
});

test("training does not wait for a slow server, and memory is bounded", async () => {
  const waiting: [ServerResponse, string][] = [];
  behave = (response, body) => waiting.push([response, body]);
  await python(`
slow = make(URL, capacity=100, batch=10)
for start in range(0, 2000, 100):
    produce(slow, 100, start)
    await asyncio.sleep(0)  # the event loop turns, the server says nothing
    assert slow.counters.queued <= 100
json.dumps(asdict(slow.counters))`);
  behave = accept;
  for (const [response, body] of waiting) accept(response, body);
  const counters = await pyodide.runPythonAsync("slow.close()\nawait settled(slow)");
  const { delivered, dropped } = JSON.parse(String(counters)) as Counters;
  expect(delivered).toBe(steps().length);
  expect(delivered + dropped).toBe(2000);
  expect(steps()).toEqual([...steps()].sort((a, b) => a - b));
  expect(steps().at(-1)).toBe(1999);
});

test("a broken connection or a missing server costs only drops, which are counted", async () => {
  let breaks = 2;
  behave = (response, body) => {
    if (breaks-- > 0) response.socket?.destroy();
    else accept(response, body);
  };
  const broken = await python(`
observer = make(URL)
produce(observer, 10)
observer.close()
await settled(observer)`);
  expect(steps()).toEqual(upTo(10));
  expect(broken.retries).toBe(2);
  const gone = await python(`
observer = make("http://127.0.0.1:9/")
produce(observer, 10)
observer.close()
await settled(observer)`);
  expect(gone).toMatchObject({ dropped: 10, delivered: 0 });
});

test("endless bodies are cut off, and answers of any kind are survived", async () => {
  const behaviours: ((response: ServerResponse) => void)[] = [
    (response) => {
      const part = "x".repeat(1 << 20);
      const timer = setInterval(() => response.write(part), 1);
      response.writeHead(200).on("close", () => clearInterval(timer));
    },
    (response) => response.writeHead(200).end('{"partialSuccess": {"rejectedDataPoints": 1e999}}'),
    (response) => answer(response, 503, { "retry-after": "1e999" }),
    (response) => answer(response, 302, { location: "/elsewhere" }),
  ];
  behave = (response, body) => (behaviours.length ? behaviours.shift()?.(response) : accept(response, body));
  const counters = await python(`
observer = make(URL, OTLPObserver, batch=1)
produce(observer, 4)
observer.close()
await settled(observer)`);
  expect(counters).toMatchObject({ delivered: 3, dropped: 1, retries: 1, last_error: "HTTP status 302" });
});

test("when the page is hidden, one request of up to 60 KiB has anomalies and the latest records", async () => {
  behave = accept;
  const hidden = await python(`
observer = make(URL, interval_s=1000, capacity=5000, batch=5000)
observer.on_training_event(TrainingEvent(type="anomaly", step=7, text="NaN in layer 1"))
produce(observer, 2000, 100)
runtime.hidden()
while observer.counters.delivered == 0:
    await asyncio.sleep(0.005)
json.dumps(asdict(observer.counters))`);
  expect(bodies).toHaveLength(1);
  expect(bodies[0]?.length).toBeLessThanOrEqual(60 * 1024);
  const [first, ...others] = accepted[0]?.records ?? [];
  expect(first).toMatchObject({ type: "anomaly", step: 7 });
  expect(others.at(-1)?.step).toBe(2099);
  expect(hidden.delivered).toBe(others.length + 1);
  expect(hidden.queued).toBe(2001 - hidden.delivered);
  const closed = await python("observer.close()\nawait settled(observer)");
  expect(closed).toMatchObject({ produced: 2001, delivered: 2001, dropped: 0 });
});

test("OTLPObserver sends OTLP", async () => {
  behave = (response) => response.writeHead(200).end('{"partialSuccess": {"rejectedDataPoints": "1"}}');
  const counters = await python(`
observer = make(URL, OTLPObserver, interval_s=1000)
produce(observer, 3, loss=float("inf"))
observer.close()
await settled(observer)`);
  expect(counters).toMatchObject({ delivered: 3, dropped: 0, rejected_points: 1, retries: 0 });
  expect(bodies[0]).toContain('"asDouble":"Infinity"');
});
