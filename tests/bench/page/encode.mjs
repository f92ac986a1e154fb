// JavaScript's cost of sending a plan to the GPU: in a worker of the page and, on Dawn, in Node.

const DISPATCHES = 2000;
const ROUNDS = 60;
const WARM = 10;
const PARAMETER_BYTES = 256;

/** As little as a kernel can do. */
const SOURCE = `
struct Params { value: u32 }
@group(0) @binding(0) var<storage, read_write> heap: array<u32>;
@group(0) @binding(1) var<uniform> params: Params;
override place: u32 = 0;
@compute @workgroup_size(1)
fn main() { heap[place] = params.value; }`;

function planOf(dispatches, kernels) {
  return {
    kernels: Array.from({ length: kernels }, (_, place) => ({
      name: `set${place}`,
      source: SOURCE,
      constants: { place },
    })),
    dispatches: Uint32Array.from(Array.from({ length: dispatches }, (_, at) => [at % kernels, 1, 1, 1]).flat()),
    params: new Uint8Array(PARAMETER_BYTES * dispatches),
    inputs: Uint32Array.from([0, 0, 16]),
    report: Uint32Array.from([0, 16]),
    spans: Uint32Array.from([0, dispatches]),
  };
}

/** Milliseconds spent in a method of one of WebGPU's classes, summed up until it is asked for. */
function timedMethod(owner, method) {
  const prototype = globalThis[owner].prototype;
  const original = prototype[method];
  let spent = 0;
  prototype[method] = function timed(...args) {
    const began = performance.now();
    const given = original.apply(this, args);
    spent += performance.now() - began;
    return given;
  };
  return () => {
    const taken = spent;
    spent = 0;
    return taken;
  };
}

const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];

async function costOf(host, plan, clocks) {
  const number = await host.load(plan);
  const staged = new Uint8Array(16);
  const parts = { whole: [], ...Object.fromEntries(Object.keys(clocks).map((name) => [name, []])) };
  for (let round = -WARM; round < ROUNDS; round++) {
    for (const take of Object.values(clocks)) take();
    const began = performance.now();
    const ticket = host.run(number, 0, plan.dispatches.length / 4, staged, 1, false);
    const whole = performance.now() - began;
    const taken = Object.entries(clocks).map(([name, take]) => [name, take()]);
    await host.report(ticket); // nothing is under way when the next run is timed
    if (round < 0) continue;
    parts.whole.push(whole);
    for (const [name, ms] of taken) parts[name].push(ms);
  }
  host.unload(number);
  return Object.fromEntries(Object.entries(parts).map(([name, ms]) => [name, median(ms)]));
}

/**
 * Milliseconds of `GPUHost.run`, its synchronous part alone: of a plan with so many dispatches, whose pipeline is the same
 * for all or another one each time, and of a plan with a single one; `finish` and `submit` are the browser's own part.
 */
export async function measureEncode(host) {
  const clocks = { finish: timedMethod("GPUCommandEncoder", "finish"), submit: timedMethod("GPUQueue", "submit") };
  await host.resize(1024);
  return {
    adapter: host.adapter.name,
    dispatches: DISPATCHES,
    same: await costOf(host, planOf(DISPATCHES, 1), clocks),
    changing: await costOf(host, planOf(DISPATCHES, 2), clocks),
    single: await costOf(host, planOf(1, 1), clocks),
  };
}
