import { afterEach, beforeEach, expect, test } from "vitest";
import { connect } from "../../../web/bridge/client.ts";
import { RunControl } from "../../../web/bridge/control.ts";
import { LoomError } from "../../../web/bridge/errors.ts";
import type { CallMessage, PageMessage, Surface, WireObject, WorkerMessage } from "../../../web/bridge/protocol.ts";
import { type Endpoint, Rpc } from "../../../web/bridge/rpc.ts";
import type { Loom } from "../../../web/generated/loom.d.ts";

const SURFACE: Surface = {
  version: "1",
  library: { shelf: { method: "shelf", kind: "method", positional: [], named: [] } },
  classes: {
    Shelf: {
      put: { method: "put", kind: "method", positional: ["what", "where"], named: ["soft"] },
      size: { method: "size", kind: "property", positional: [], named: [] },
      count: { method: "count", kind: "long", positional: ["to"], named: [] },
      observe: { method: "observe", kind: "stream", positional: [], named: [] },
    },
  },
};

/** A small library at the other end of a real channel, which records the messages that it receives. */
class Keeper {
  readonly calls: CallMessage[] = [];
  readonly others: PageMessage[] = [];
  readonly port: MessagePort;

  constructor(port: MessagePort) {
    this.port = port;
    port.onmessage = ({ data }: MessageEvent<PageMessage>) => {
      if (data.kind === "call") this.#answer(data);
      else this.#take(data);
    };
    this.send({ kind: "ready", surface: SURFACE });
  }

  send(message: WorkerMessage): void {
    this.port.postMessage(message);
  }

  push(id: number, messages: WireObject[], last = false): void {
    this.send({ kind: "push", id, target: 1, messages, last });
  }

  #answer(call: CallMessage): void {
    this.calls.push(call);
    if (call.method === "put" && call.args[0] === "silence") return;
    if (call.method === "count") this.push(call.id, [{ type: "batch_end" }, { type: "train_end" }]);
    if (call.method === "observe") this.push(call.id, [{ kind: "blueprint" }]);
    const value = call.method === "shelf" ? { $handle: 1, class: "Shelf" } : { args: call.args };
    this.send({ kind: "response", id: call.id, ok: true, value });
  }

  #take(message: PageMessage): void {
    this.others.push(message);
    if (message.kind === "abort") this.push(message.id, [], true);
  }
}

interface Shelf {
  put(...args: unknown[]): Promise<{ args: unknown[] }>;
  size(): Promise<unknown>;
  count(to: number, options?: object): Promise<unknown>;
  observe(): AsyncIterableIterator<{ kind: string }> & { close(): Promise<void>; readonly dropped: number };
  dispose(): Promise<void>;
}

let keeper: Keeper;
let rpc: Rpc;
let loom: Loom & { shelf(): Promise<Shelf> };
let shelf: Shelf;

beforeEach(async () => {
  const { port1, port2 } = new MessageChannel();
  rpc = new Rpc(port1 as Endpoint);
  keeper = new Keeper(port2);
  loom = (await connect(rpc, () => port1.close())) as typeof loom;
  shelf = await loom.shelf();
  keeper.calls.length = 0;
});

afterEach(() => loom.dispose());

test("arguments are sent by position, options by name", async () => {
  await shelf.put("vase", 2, { soft: true });
  expect(keeper.calls[0]).toMatchObject({ target: 1, method: "put", args: ["vase", 2], options: { soft: true } });
});

test("arguments after an omitted one are sent by name", async () => {
  await shelf.put(undefined, 2, { soft: undefined });
  expect(keeper.calls[0]).toMatchObject({ args: [], options: { where: 2 } });
  expect(keeper.calls[0]?.options).not.toHaveProperty("soft");
  await shelf.put("vase");
  expect(keeper.calls[1]).toMatchObject({ args: ["vase"], options: {} });
});

test("an object of the worker is sent as its reference, and is the same object when it returns", async () => {
  const { args } = await shelf.put([{ inner: shelf }]);
  expect(keeper.calls[0]?.args).toEqual([[{ inner: { $handle: 1, class: "Shelf" } }]]);
  expect((args as [[{ inner: Shelf }]])[0][0].inner).toBe(shelf);
  expect(await loom.shelf()).toBe(shelf);
});

test("a property is read by a call", async () => {
  await shelf.size();
  expect(keeper.calls[0]).toMatchObject({ method: "size", args: [], options: {} });
});

test("a long call emits its events, and its listener may throw", async () => {
  const heard: string[] = [];
  const uncaught: unknown[] = [];
  const take = (error: unknown) => uncaught.push(error);
  const previous = process.listeners("uncaughtException");
  process.removeAllListeners("uncaughtException").on("uncaughtException", take);
  const onEvent = ({ type }: { type: string }) => {
    heard.push(type);
    if (type === "batch_end") throw new Error("the listener failed");
  };
  await shelf.count(3, { onEvent });
  await new Promise((resolve) => setTimeout(resolve));
  process.removeAllListeners("uncaughtException");
  for (const listener of previous) process.on("uncaughtException", listener);
  expect(heard).toEqual(["batch_end", "train_end"]);
  expect(uncaught).toEqual([new Error("the listener failed")]);
  expect(keeper.calls[0]).toMatchObject({ events: true, options: {} });
});

test("a stream that is left early ends on both sides", async () => {
  const stream = shelf.observe();
  for await (const { kind } of stream) {
    expect(kind).toBe("blueprint");
    break;
  }
  expect(keeper.others).toMatchObject([{ kind: "abort" }]);
  expect((await stream.next()).done).toBe(true);
  await stream.close();
  expect(rpc.waiting).toBe(0);
});

test("an unread stream keeps its latest rows and its blueprint", async () => {
  const stream = shelf.observe();
  await shelf.size();
  const id = keeper.calls[0]?.id ?? 0;
  for (let row = 0; row < 1000; row++) keeper.push(id, [{ kind: "stats", row }]);
  await shelf.size();
  expect(stream.dropped).toBe(1001 - 256);
  expect((await stream.next()).value).toEqual({ kind: "blueprint" });
  expect((await stream.next()).value).toEqual({ kind: "stats", row: 1000 - 255 });
  await stream.close();
});

test("when the worker is lost, every call and stream ends with the reason, and so do later ones", async () => {
  const stream = shelf.observe();
  await stream.next();
  const waiting = [shelf.put("silence"), stream.next()];
  keeper.send({ kind: "crash", error: { name: "LoomError", code: "python_died", message: "out of stack" } });
  for (const call of waiting)
    await expect(call).rejects.toMatchObject({ code: "python_died", message: "out of stack" });
  await expect(shelf.size()).rejects.toBeInstanceOf(LoomError);
  await expect(shelf.observe().next()).rejects.toMatchObject({ code: "python_died" });
  expect(rpc.waiting).toBe(0);
});

test("wrong arguments are refused before they are sent", async () => {
  await expect(shelf.put("vase", 1, "soft")).rejects.toThrow(/put: expected what, where, and then at most one object/);
  await expect(shelf.put("vase", 1, {}, 4)).rejects.toThrow(/got 4 arguments/);
  await expect(shelf.put(() => 1)).rejects.toMatchObject({ code: "data" });
  expect(keeper.calls).toEqual([]);
  expect(rpc.waiting).toBe(0);
});

test("an answer that is lost is an error of the calls that wait, and of no other", async () => {
  const waiting = shelf.put("silence");
  keeper.port.postMessage(null);
  await expect(waiting).rejects.toMatchObject({
    code: "worker",
    message: expect.stringContaining("could not be read"),
  });
  expect(rpc.waiting).toBe(0);
  expect((await shelf.put("vase")).args).toEqual(["vase"]);
  expect(keeper.others).toMatchObject([{ kind: "abort", id: keeper.calls[0]?.id }]);
});

test("calls have numbers without gaps, also after one that can't be sent", async () => {
  for (const transfer of [[{} as ArrayBuffer], [], [{} as ArrayBuffer]]) {
    const { id, value } = rpc.call({ target: 1, method: "put", args: [], options: {} }, { transfer });
    expect(id === 0).toBe(transfer.length > 0);
    await value.catch(({ code }: LoomError) => expect(code).toBe("data"));
  }
  await shelf.size();
  const ids = keeper.calls.map(({ id }) => id);
  expect(ids).toEqual([ids[0], (ids[0] ?? 0) + 1]);
});

test("an object of another library is refused on both sides of a call", async () => {
  const { port1, port2 } = new MessageChannel();
  const other = new Keeper(port2);
  const second = (await connect(new Rpc(port1 as Endpoint), () => port1.close())) as typeof loom;
  const foreign = await second.shelf();
  other.calls.length = 0;
  for (const call of [shelf.put([{ foreign }]), shelf.put.call(foreign, "vase")]) {
    await expect(call).rejects.toMatchObject({
      code: "state",
      message: expect.stringMatching(/a Shelf of another one/),
    });
  }
  expect([...keeper.calls, ...other.calls]).toEqual([]);
  await second.dispose();
});

test("options of the bridge are checked, and are no options of other calls", async () => {
  for (const options of [{ signal: {} }, { onEvent: 5 }, { control: null }]) {
    await expect(shelf.count(3, options)).rejects.toMatchObject({ code: "config" });
  }
  const { signal } = new AbortController();
  await expect(shelf.put("vase", 1, { signal })).rejects.toThrow(/put: signal: .*got an AbortSignal/);
  const control = new RunControl();
  expect(() => control.step(0.5)).toThrow(/step: expected a whole number from 1, got 0.5/);
  control.connect(() => {});
  await expect(shelf.count(3, { control })).rejects.toMatchObject({ code: "state" });
  expect(keeper.calls).toEqual([]);
});

test("disposing an object is one message; its number is not reused", async () => {
  await shelf.dispose();
  expect(keeper.calls).toMatchObject([{ target: 1, method: "$dispose" }]);
});
