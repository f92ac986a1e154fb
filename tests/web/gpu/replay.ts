import type { GPUHost, PlanData } from "../../../web/gpu/index.ts";

/** The file written by tests/gpu/export.py. */
export interface Exported {
  readonly kernels: { readonly [name: string]: string };
  readonly cases: readonly Case[];
}

export interface Case {
  readonly title: string;
  readonly steps: readonly Step[];
  readonly expected: readonly Expected[];
}

interface Expected {
  /** The step with this result: a wait or a read. */
  readonly step: number;
  /** Byte offset in the step's result. */
  readonly at: number;
  readonly dtype: "float32" | "float64" | "int32" | "uint32";
  readonly values: string;
}

type Kernel = { readonly name: string; readonly constants: { readonly [name: string]: number } };
type Loading = { readonly [name in Exclude<keyof PlanData, "kernels">]: string };
type Step =
  | { readonly do: "resize"; readonly bytes: number }
  | { readonly do: "clear"; readonly offset: number; readonly bytes: number }
  | { readonly do: "read"; readonly offset: number; readonly bytes: number }
  | { readonly do: "write"; readonly offset: number; readonly data: string }
  | ({ readonly do: "load"; readonly kernels: readonly Kernel[] } & Loading)
  | { readonly do: "unload"; readonly plan: number }
  | { readonly do: "wait"; readonly run: number }
  | Run;

interface Run {
  readonly do: "run";
  readonly plan: number;
  readonly first: number;
  readonly last: number;
  readonly staged: string;
  readonly fresh: string;
  readonly timed: boolean;
}

/** Decode base64 into a new buffer. */
function bytesOf(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
}

const words = (text: string) => new Uint32Array(bytesOf(text).buffer);

/** Replay recorded steps on a host; returns the result of every step. */
export async function replay(host: GPUHost, { kernels, cases: _ }: Exported, steps: readonly Step[]) {
  const brought: (Uint8Array | undefined)[] = [];
  const numbers = new Map<number, number>(); // plan numbers and tickets, by step
  for (const [at, step] of steps.entries()) {
    let bytes: Uint8Array | undefined;
    if (step.do === "resize") await host.resize(step.bytes);
    else if (step.do === "clear") host.clear(step.offset, step.bytes);
    else if (step.do === "write") host.write(step.offset, bytesOf(step.data));
    else if (step.do === "read") bytes = await host.read(step.offset, step.bytes);
    else if (step.do === "load") numbers.set(at, await host.load(planOf(step, kernels)));
    else if (step.do === "unload") host.unload(numbers.get(step.plan) as number);
    else if (step.do === "run") numbers.set(at, run(host, numbers.get(step.plan) as number, step));
    else bytes = (await host.report(numbers.get(step.run) as number)).bytes;
    brought.push(bytes);
  }
  return brought;
}

function run(host: GPUHost, plan: number, step: Run): number {
  return host.run(plan, step.first, step.last, bytesOf(step.staged), BigInt(step.fresh), step.timed);
}

function planOf(step: Loading & { readonly kernels: readonly Kernel[] }, sources: Exported["kernels"]): PlanData {
  return {
    kernels: step.kernels.map((kernel) => ({ ...kernel, source: sources[kernel.name] as string })),
    dispatches: words(step.dispatches),
    params: bytesOf(step.params),
    inputs: words(step.inputs),
    report: words(step.report),
    spans: words(step.spans),
  };
}

/** Largest error relative to the largest value (at least 1e-3), over all expected values. */
export function distance(brought: readonly (Uint8Array | undefined)[], expected: readonly Expected[]): number {
  return Math.max(0, ...expected.map((item) => distanceOf(brought[item.step] as Uint8Array, item)));
}

function distanceOf(brought: Uint8Array, { at, dtype, values }: Expected): number {
  const wanted = new Float64Array(bytesOf(values).buffer);
  const got = numbersOf(brought.slice(at), dtype, wanted.length);
  const largest = wanted.filter(Number.isFinite).reduce((most, value) => Math.max(most, Math.abs(value)), 1e-3);
  return wanted.reduce((worst, value, place) => {
    if (Object.is(got[place], value) || got[place] === value) return worst;
    const error = Math.abs((got[place] as number) - value) / largest;
    return Math.max(worst, Number.isNaN(error) ? Number.POSITIVE_INFINITY : error);
  }, 0);
}

/** Decode numbers of the heap, where a float64 is the sum of two float32. */
function numbersOf(bytes: Uint8Array<ArrayBuffer>, dtype: Expected["dtype"], count: number): ArrayLike<number> {
  if (dtype === "int32") return new Int32Array(bytes.buffer, 0, count);
  if (dtype === "uint32") return new Uint32Array(bytes.buffer, 0, count);
  if (dtype === "float32") return new Float32Array(bytes.buffer, 0, count);
  const halves = new Float32Array(bytes.buffer, 0, 2 * count);
  return Float64Array.from({ length: count }, (_, i) => (halves[2 * i] as number) + (halves[2 * i + 1] as number));
}
