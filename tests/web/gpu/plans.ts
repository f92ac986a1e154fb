import type { KernelData, PlanData } from "../../../web/gpu/index.ts";

/** Adds a number to some words of the heap, which shows the kernels that ran, their order and their data. */
const ADD = `
struct Params { count: u32, at: u32, added: u32 }
@group(0) @binding(0) var<storage, read_write> heap: array<u32>;
@group(0) @binding(1) var<uniform> params: Params;
override factor: u32 = 1;
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x < params.count) { heap[params.at + id.x] += params.added * factor; }
}`;

export const addKernel = (factor = 1): KernelData => ({ name: "add", source: ADD, constants: { factor } });

/** A plan whose dispatch i adds `added[i]` to the first `count` words of the heap; it reports them. */
export function addPlan(added: readonly number[], count = 4, more: Partial<PlanData> = {}): PlanData {
  const params = new Uint8Array(256 * added.length);
  added.forEach((number, at) => {
    new Uint32Array(params.buffer, 256 * at, 3).set([count, 0, number]);
  });
  return {
    kernels: [addKernel()],
    dispatches: Uint32Array.from(added.flatMap(() => [0, Math.ceil(count / 64), 1, 1])),
    params,
    inputs: Uint32Array.from([0, 0, 4 * count]),
    report: Uint32Array.from([0, 4 * count]),
    spans: Uint32Array.from(added.flatMap((_, at) => [at, at + 1])),
    ...more,
  };
}

export const words = (...numbers: number[]) => new Uint8Array(Uint32Array.from(numbers).buffer);
export const numbers = (bytes: Uint8Array) => [...new Uint32Array(bytes.slice().buffer)];
