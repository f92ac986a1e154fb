import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { globals } from "webgpu";
import { type GPUHost, openGPU } from "../../../web/gpu/index.ts";
import { dawn, missing } from "./dawn.ts";
import { addKernel, addPlan, numbers, words } from "./plans.ts";

const NOTHING = new Uint8Array(0);

describe.skipIf(missing)("a device", () => {
  let host: GPUHost;

  beforeEach(async () => {
    host = await dawn();
  });
  afterEach(() => host.destroy());

  /** Run a whole plan with these words as input. */
  async function run(plan: number, dispatches: number, ...inputs: number[]): Promise<number[]> {
    const ticket = host.run(plan, 0, dispatches, words(...inputs), 1, false);
    return numbers((await host.report(ticket)).bytes);
  }

  test("reports its properties", () => {
    expect(host.adapter.name).not.toBe("");
    expect(host.adapter.mostBytes).toBeGreaterThanOrEqual(128 << 20);
  });

  test("runs a plan, whole and in parts, each dispatch after the one before", async () => {
    const plan = await host.load(addPlan([1, 10, 100]));
    expect(await run(plan, 3, 1, 2, 3, 4)).toEqual([112, 113, 114, 115]);
    const part = host.run(plan, 1, 2, NOTHING, 0, false);
    expect(numbers((await host.report(part)).bytes)).toEqual([122, 123, 124, 125]);
    const none = host.run(plan, 2, 2, NOTHING, 0, false);
    expect(numbers((await host.report(none)).bytes)).toEqual([122, 123, 124, 125]);
  });

  test("grows its heap and keeps the content; loaded plans work in the new heap", async () => {
    const plan = await host.load(addPlan([5]));
    host.write(0, words(1, 2, 3, 4));
    await host.resize(1 << 20);
    expect(numbers(await host.read(0, 16))).toEqual([1, 2, 3, 4]);
    expect(numbers(await host.read((1 << 20) - 8, 8))).toEqual([0, 0]);
    await host.report(host.run(plan, 0, 1, NOTHING, 0, false));
    await host.resize(1 << 21);
    expect(numbers(await host.read(0, 16))).toEqual([6, 7, 8, 9]);
    host.clear(4, 8);
    expect(numbers(await host.read(0, 16))).toEqual([6, 0, 0, 9]);
  });

  test("refuses a heap that is too large, and keeps the old one", async () => {
    host.write(0, words(1, 2, 3, 4));
    await expect(host.resize(2 ** 40)).rejects.toThrow(/a heap of 1099511627776 bytes/);
    expect(numbers(await host.read(0, 16))).toEqual([1, 2, 3, 4]);
  });

  test("writes the fresh inputs only, for more of them than a number has bits", async () => {
    const count = 70; // 32 is where JavaScript's bit operators end, 53 where its numbers do
    const inputs = Uint32Array.from(Array.from({ length: count }, (_, i) => [4 * i, 8 * i, 4]).flat());
    await host.resize(1 << 16);
    const plan = await host.load(addPlan([0], 4, { inputs, report: Uint32Array.from([0, 4 * count]) }));
    const staged = words(...Array.from({ length: 2 * count }, (_, i) => (i % 2 ? 0 : i / 2 + 1)));
    async function written(fresh: number | bigint) {
      host.clear(0, 4 * count);
      const { bytes } = await host.report(host.run(plan, 0, 1, staged, fresh, false));
      return numbers(bytes).flatMap((number, at) => (number === at + 1 ? [at] : []));
    }
    expect(await written(0b101)).toEqual([0, 2]);
    expect(await written(2 ** 31 + 2 ** 40 + 1)).toEqual([0, 31, 40]);
    expect(await written((1n << 69n) | (1n << 33n) | 2n)).toEqual([1, 33, 69]);
  });

  test("releases borrowed bytes at once", async () => {
    let out = 0;
    const borrowed = {
      getBuffer: () => {
        out += 1;
        const release = () => {
          out -= 1;
        };
        return { data: words(7, 8, 9, 10), release };
      },
    };
    const plan = await host.load(addPlan([1]));
    const { bytes } = await host.report(host.run(plan, 0, 1, borrowed, 1, false));
    expect(numbers(bytes)).toEqual([8, 9, 10, 11]);
    host.write(0, borrowed);
    expect(numbers(await host.read(0, 16))).toEqual([7, 8, 9, 10]);
    expect(out).toBe(0);
  });

  test("tickets are valid once, in any order; reports are kept until they are fetched or forgotten", async () => {
    const plan = await host.load(addPlan([1]));
    const run = () => host.run(plan, 0, 1, NOTHING, 0, false);
    const [first, second, third] = [run(), run(), run()];
    const got = await Promise.all([third, first].map(async (t) => numbers((await host.report(t)).bytes)[0]));
    expect(got).toEqual([3, 1]);
    await expect(host.report(first)).rejects.toThrow(`ticket ${first}`);
    const others = Array.from({ length: 64 }, run);
    expect(host.counters().pendingReports).toBe(65);
    expect(numbers((await host.report(second)).bytes)[0]).toBe(2);
    for (const other of others.slice(0, -1)) host.forget(other);
    expect(host.counters().pendingReports).toBe(1);
    const last = run();
    expect(numbers((await host.report(last)).bytes)[0]).toBe(68);
    expect(host.arrived(last)).toBeNull();
    expect(numbers(host.arrived(last - 1)?.bytes ?? NOTHING)[0]).toBe(67); // it arrived before the last one
  });

  test("measures spans if it has timestamps, and only on request", async () => {
    const count = 1 << 20; // long enough for clocks that browsers make coarse
    await host.resize(4 * count);
    const spans = Uint32Array.from([0, 1, 1, 1, 1, 3]);
    const plan = await host.load(addPlan([1, 10, 100], count, { spans, report: Uint32Array.from([0, 16]) }));
    const { bytes, times } = await host.report(host.run(plan, 0, 3, NOTHING, 0, true));
    expect(numbers(bytes)).toEqual([111, 111, 111, 111]);
    if (!host.adapter.features.includes("timestamp-query")) expect(times).toBeNull();
    else {
      expect(times).toHaveLength(3);
      expect(times?.[0]).toBeGreaterThan(0);
      expect(times?.[1]).toBe(0); // a span without dispatches
      expect(times?.[2]).toBeGreaterThan(0);
      const part = await host.report(host.run(plan, 0, 1, NOTHING, 0, true));
      expect(part.times?.[0]).toBeGreaterThan(0);
      expect(part.times?.[2]).toBe(0);
    }
    expect((await host.report(host.run(plan, 0, 3, NOTHING, 0, false))).times).toBeNull();
    const bare = await host.load(addPlan([1], 4, { spans: new Uint32Array(0) }));
    const untimed = await host.report(host.run(bare, 0, 1, words(1, 1, 1, 1), 1, true));
    expect(numbers(untimed.bytes)).toEqual([2, 2, 2, 2]);
  });

  test("ten thousand runs leak nothing", async () => {
    const before = host.counters();
    const plan = await host.load(addPlan([1, 1]));
    const levels: number[] = [];
    for (let i = 1; i <= 10_000; i++) {
      const ticket = host.run(plan, 0, 2, NOTHING, 0, i % 100 === 0);
      if (i % 20 > 0) continue; // most reports are never fetched, as with paused observers
      await host.report(ticket);
      if (i % 1000 === 0) levels.push(host.counters().buffers);
    }
    expect(numbers(await host.read(0, 4))).toEqual([20_000]);
    expect(host.counters()).toMatchObject({ runs: before.runs + 10_000, dispatches: before.dispatches + 20_000 });
    expect(new Set(levels.slice(1)).size).toBe(1);
    host.unload(plan);
    expect(() => host.run(plan, 0, 2, NOTHING, 0, false)).toThrow(`plan ${plan}`);
    const other = await host.load(addPlan([1, 1]));
    expect(host.counters()).toMatchObject({ plans: 1, pipelines: 1 });
    host.unload(other);
    expect(host.counters().plans).toBe(0);
  }, 120_000);

  test("loading and unloading plans leaks nothing, and pipelines are shared", async () => {
    const counts = [];
    for (let i = 0; i < 20; i++) {
      const plan = await host.load(addPlan([1], 4, { kernels: [addKernel(1 + (i % 2))] }));
      await run(plan, 1, 0, 0, 0, 0);
      host.unload(plan);
      counts.push(host.counters().buffers);
    }
    expect(new Set(counts).size).toBe(1);
    expect(host.counters().pipelines).toBe(2);
  });
});

test.skipIf(missing).each([true, false])(
  "polls the browser while a result is awaited, where needed: %s",
  async (poll) => {
    const host = await dawn({ poll });
    const { GPUQueue } = globals as { GPUQueue: { prototype: GPUQueue } };
    const submit = vi.spyOn(GPUQueue.prototype, "submit");
    const count = 1 << 20;
    await host.resize(4 * count);
    const plan = await host.load(addPlan(Array(20).fill(1), count, { report: Uint32Array.from([0, 4]) }));
    const asked = () => submit.mock.calls.filter(([work]) => [...work].length === 0).length;
    const { bytes } = await host.report(host.run(plan, 0, 20, NOTHING, 0, false));
    expect(numbers(bytes)).toEqual([20]);
    const before = asked();
    expect(before > 0).toBe(poll);
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(asked()).toBe(before); // nothing is awaited any more
    submit.mockRestore();
    host.destroy();
  },
);

test("gives the reason where there is no WebGPU", async () => {
  const found = await openGPU(); // Node 20 has no navigator
  expect(found).toEqual({ reason: "this browser has no WebGPU" });
  const none = await openGPU({ gpu: { requestAdapter: async () => null } as unknown as GPU });
  expect(none).toEqual({ reason: expect.stringContaining("found no GPU") });
});
