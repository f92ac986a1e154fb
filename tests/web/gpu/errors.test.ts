import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { GPUHost } from "../../../web/gpu/index.ts";
import { dawn, missing } from "./dawn.ts";
import { addKernel, addPlan, numbers, words } from "./plans.ts";

const NOTHING = new Uint8Array(0);
const named = (name: string) => expect.objectContaining({ name });

describe.skipIf(missing)("errors", () => {
  let host: GPUHost;

  beforeEach(async () => {
    host = await dawn();
  });
  afterEach(() => host.destroy());

  const broken = (source: string) => addPlan([1], 4, { kernels: [{ ...addKernel(), name: "broken", source }] });

  test("a kernel that does not compile: the compiler's message, with the line", async () => {
    await expect(host.load(broken("\nfn main( {"))).rejects.toThrow(/^broken\.wgsl:2:10: expected/);
    await expect(host.load(broken("fn other() {}"))).rejects.toThrow(/kernel broken with .*entry point/is);
    await expect(host.load(broken("fn main() {}"))).rejects.toEqual(named("GPURefused"));
    const constants = { no_such: 1 };
    await expect(host.load(addPlan([1], 4, { kernels: [{ ...addKernel(), constants }] }))).rejects.toThrow("no_such");
    expect(host.counters().pipelines).toBe(0);
    const plan = await host.load(addPlan([1])); // and the device still works
    const { bytes } = await host.report(host.run(plan, 0, 1, words(1, 1, 1, 1), 1, false));
    expect(numbers(bytes)).toEqual([2, 2, 2, 2]);
  });

  test("refused work: the report of its run rejects with the device's message, and no later one", async () => {
    const plan = await host.load(addPlan([1], 4, { report: Uint32Array.from([1 << 20, 16]) })); // beyond the heap
    const bad = host.run(plan, 0, 1, NOTHING, 0, false);
    await expect(host.report(bad)).rejects.toEqual(named("GPURefused"));
    const good = await host.load(addPlan([1]));
    const { bytes } = await host.report(host.run(good, 0, 1, words(1, 1, 1, 1), 1, false));
    expect(numbers(bytes)).toEqual([2, 2, 2, 2]);
  });

  test("refused work that is not awaited: the next call rejects", async () => {
    host.clear(1 << 20, 16);
    await expect(host.read(0, 4)).rejects.toEqual(named("GPURefused"));
    expect(numbers(await host.read(0, 4))).toEqual([0]);
  });

  test("a lost device: awaited results reject and every call throws, always with the reason", async () => {
    const plan = await host.load(addPlan([1]));
    const [ticket, other] = [0, 1].map(() => host.run(plan, 0, 1, NOTHING, 0, false)) as [number, number];
    const awaited = Promise.allSettled([host.read(0, 16), host.report(ticket)]);
    host.destroy();
    const lost = expect.objectContaining({ name: "DeviceLost", message: expect.stringContaining("destroyed") });
    expect((await awaited).map((settled) => settled.status === "rejected" && settled.reason)).toEqual([lost, lost]);
    await expect(host.report(other)).rejects.toEqual(lost);
    expect(host.lost).toContain("destroyed");
    for (const call of [
      () => host.run(plan, 0, 1, NOTHING, 0, false),
      () => host.write(0, words(1)),
      () => host.clear(0, 4),
      () => host.arrived(other),
    ]) {
      expect(call).toThrow(expect.objectContaining({ name: "DeviceLost" }));
    }
    await expect(host.read(0, 4)).rejects.toEqual(lost);
    await expect(host.resize(1 << 20)).rejects.toEqual(lost);
    await expect(host.load(addPlan([1]))).rejects.toEqual(lost);
    host.unload(plan); // plans of a lost device can be unloaded
    expect(host.counters().plans).toBe(0);
  });

  test("a device lost while a plan is compiled or the heap grows", async () => {
    const awaited = Promise.allSettled([host.load(addPlan([1])), host.resize(1 << 20)]);
    host.destroy();
    const reasons = (await awaited).map((settled) => settled.status === "rejected" && settled.reason);
    expect(reasons).toEqual([named("DeviceLost"), named("DeviceLost")]);
  });
});
