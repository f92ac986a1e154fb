import { expect, test } from "vitest";
import { transfer } from "../../../web/bridge/buffers.ts";
import { type Crossing, Encoder } from "../../../web/bridge/encoding.ts";
import { LoomError } from "../../../web/bridge/errors.ts";
import type { WireValue } from "../../../web/bridge/protocol.ts";

const WORKER: Crossing = { referenceOf: () => undefined, sameThread: false };
const THREAD: Crossing = { ...WORKER, sameThread: true };

const encode = (value: unknown, crossing = WORKER) => new Encoder("call", crossing).encode(value, "x");

function errorOf(value: unknown, crossing = WORKER): string {
  try {
    encode(value, crossing);
  } catch (error) {
    expect(error).toBeInstanceOf(LoomError);
    expect((error as LoomError).code).toBe("data");
    return (error as LoomError).message;
  }
  throw new Error("expected an error");
}

/** All objects in an encoded value, without those in buffers. */
function objectsIn(value: WireValue): object[] {
  if (typeof value !== "object" || value === null) return [];
  return ArrayBuffer.isView(value) ? [value] : [value, ...Object.values(value).flatMap(objectsIn)];
}

function nested(levels: number, wrap: (inner: unknown) => unknown): unknown {
  let value: unknown = 1;
  for (let level = 0; level < levels; level++) value = wrap(value);
  return value;
}

test("what is used twice in a value is twice in its encoding, at any depth", () => {
  const row = [1, 2];
  const rows = [row, row, [3, 4]];
  const array = { data: Float32Array.of(1), shape: [1] };
  const batch = { input: rows, target: array, mask: array };
  const names = ["a", "b"];
  const value = { rows, again: rows, batches: [batch, batch], deep: [[[names]], [names]], empty: [names.slice(2), {}] };
  const encoded = encode(value);
  expect(encoded).toEqual(value);
  const found = objectsIn(encoded);
  expect(new Set(found).size).toBe(found.length);
  expect(found.length).toBeGreaterThan(25);
});

test("one object of Python has a reference for each place", () => {
  const net = new (class Network {})();
  const reference = { $handle: 7, class: "Network" };
  const crossing: Crossing = { ...WORKER, referenceOf: (value) => (value === net ? { ...reference } : undefined) };
  const [first, second] = encode([net, net], crossing) as [object, object];
  expect([first, second]).toEqual([reference, reference]);
  expect(first).not.toBe(second);
});

test("what contains itself is refused", () => {
  const list: unknown[] = [1];
  list.push([list, list]);
  expect(errorOf(list)).toBe("call: x[1][0]: expected data that ends, got a value that contains itself");
  const record: Record<string, unknown> = {};
  record.self = { record };
  expect(errorOf(record)).toMatch(/x\.self\.record: .*contains itself/);
});

test("depth and size have limits, which the error names", () => {
  for (const wrap of [(inner: unknown) => [inner], (inner: unknown) => ({ inner })]) {
    expect(encode(nested(100, wrap))).toEqual(nested(100, wrap));
    expect(errorOf(nested(101, wrap))).toMatch(/expected at most 100 levels of nesting, got more/);
    expect(errorOf(nested(20_000, wrap))).toMatch(/^call: x(\[0\]|\.inner){5}…(\[0\]|\.inner){4}: .*100 levels/);
  }
  expect(errorOf({ a: new Array(2 ** 31) })).toMatch(/x\.a: expected at most 67108864 items in a call, got 2147483649/);
  expect(errorOf([new Float32Array(1), ...Array(2).fill(new Uint8Array(2 ** 30))])).toMatch(
    /x\[2\]: expected at most 2147483648 bytes .*, got 2147483652; do: give it in parts/,
  );
});

test.each<[string, unknown, RegExp]>([
  ["a Map", { options: new Map([[0, 1]]) }, /^call: x\.options: expected plain data .*, got a Map; do: .*fromEntries/],
  ["a Set", [1, new Set()], /x\[1\]: .*got a Set; do: give \[\.\.\.set\]/],
  ["a Promise", Promise.resolve(1), /got a Promise; do: await it/],
  ["a Date", new Date(), /got a Date; do: .*getTime/],
  ["a nested Blob", [new Blob([])], /got a Blob; do: .*arrayBuffer\(\)/],
  ["a function", { seed: () => 1 }, /x\.seed: .*got a function; do: .*can't be sent/],
  ["a symbol", [Symbol("a")], /got a symbol/],
  ["undefined in an array", [1, undefined], /x\[1\]: .*got undefined/],
  // biome-ignore lint/suspicious/noSparseArray: holes are what is tested
  ["a hole", [1, , 3], /x\[1\]: .*got undefined/],
  ["an object of a class", new (class Settings {})(), /got a Settings; do: give a plain object/],
  ["an error", new Error("no"), /got an Error/],
  ["a boxed number", Object(3), /got a Number/],
  ["a generator", (function* () {})(), /got a Generator/],
  ["a large integer", 2n ** 64n, /expected an integer of at most 64 bits, got a larger one/],
  ["a reserved key", { $handle: 3 }, /expected keys of your own, got \$handle/],
])("%s is refused in words", (_, value, words) => {
  expect(errorOf(value)).toMatch(words);
});

test("an array whose memory was moved is refused", () => {
  const values = Float32Array.of(1, 2);
  const view = new DataView(values.buffer);
  structuredClone(values, { transfer: [values.buffer] });
  expect(errorOf(values)).toMatch(/got one whose memory was moved away/);
  expect(errorOf(values.buffer)).toMatch(/moved away/);
  expect(errorOf(view)).toMatch(/moved away/);
});

test("in the same thread functions cross, without their results, and blobs do not", () => {
  const heard: unknown[] = [];
  const callback = encode((...given: unknown[]) => heard.push(given), THREAD) as (...given: unknown[]) => unknown;
  expect(callback(1, 2)).toBeUndefined();
  expect(heard).toEqual([[1, 2]]);
  expect(errorOf(new Blob([]), THREAD)).toMatch(/got a Blob/);
  const blob = new Blob(["a"]);
  expect(encode(blob)).toBe(blob);
});

test("plain values are as they were", () => {
  const record = Object.assign(Object.create(null), { a: null, b: Number.NaN, c: -(2n ** 63n), d: "ü", e: true });
  const parsed = JSON.parse('{"__proto__": {"a": 1}}');
  expect(encode({ record, gone: undefined })).toEqual({ record: { ...record } });
  expect(Object.entries(encode(parsed) as object)).toEqual([["__proto__", { a: 1 }]]);
  const getter = {
    get twice() {
      return [1, 2];
    },
  };
  expect(encode(getter)).toEqual({ twice: [1, 2] });
});

test("typed arrays keep their type, whatever their class", () => {
  class Samples extends Float32Array {}
  const encoded = encode(new Samples([1, 2])) as Float32Array;
  expect(encoded.constructor).toBe(Float32Array);
  expect([...encoded]).toEqual([1, 2]);
  expect(encode(BigInt64Array.of(-1n))).toEqual(BigInt64Array.of(-1n));
  expect(encode(Uint8ClampedArray.of(1))).toEqual(Uint8ClampedArray.of(1));
});

test("buffers and views without an element type are bytes", () => {
  const bytes = Uint8Array.of(1, 2, 3, 4);
  const shared = new SharedArrayBuffer(4);
  new Uint8Array(shared).set(bytes);
  expect(encode(bytes.buffer)).toEqual({ $bytes: bytes });
  expect(encode(new DataView(bytes.buffer, 1, 2))).toEqual({ $bytes: Uint8Array.of(2, 3) });
  expect(encode(shared)).toEqual({ $bytes: bytes });
  expect((encode(new Uint8Array(shared)) as Uint8Array).buffer).toBeInstanceOf(ArrayBuffer);
});

test("of a part of a buffer only that part is sent, and moved", () => {
  const all = Float32Array.from({ length: 1000 }, (_, i) => i);
  const encoder = new Encoder("call", WORKER);
  const part = encoder.encode(all.subarray(10, 13), "x") as Float32Array;
  expect([...part]).toEqual([10, 11, 12]);
  expect(part.buffer.byteLength).toBe(12);
  expect(encoder.transfer).toEqual([part.buffer]);
  expect(all.length).toBe(1000);
});

test("an array marked for transfer is moved by one call, at all its places", () => {
  const values = transfer(Float32Array.of(1, 2));
  const encoder = new Encoder("call", WORKER);
  encoder.encode([values, { validation: values }], "x");
  expect(encoder.transfer).toEqual([values.buffer]);
  const next = new Encoder("call", WORKER);
  next.encode(values, "x");
  expect(next.transfer).toEqual([]);
});
