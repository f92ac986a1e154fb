// Counts all calls of WebGPU, by replacing the methods of its classes temporarily.

const COUNTED = {
  dispatches: ["GPUComputePassEncoder", "dispatchWorkgroups"],
  pipelines: ["GPUComputePassEncoder", "setPipeline"],
  passes: ["GPUCommandEncoder", "beginComputePass"],
  submits: ["GPUQueue", "submit"],
  bind_groups: ["GPUDevice", "createBindGroup"],
  writes: ["GPUQueue", "writeBuffer"],
  maps: ["GPUBuffer", "mapAsync"],
};

/** Numbers of WebGPU calls that `work` makes, by the names of COUNTED. */
export async function callsOf(work) {
  const counts = Object.fromEntries(Object.keys(COUNTED).map((name) => [name, 0]));
  const originals = Object.entries(COUNTED).map(([name, [owner, method]]) => {
    const prototype = globalThis[owner].prototype;
    const original = prototype[method];
    prototype[method] = function counted(...args) {
      counts[name] += 1;
      return original.apply(this, args);
    };
    return () => {
      prototype[method] = original;
    };
  });
  try {
    await work();
  } finally {
    for (const restore of originals) restore();
  }
  return counts;
}

/** The same for each of `count` runs of a case. */
export async function callsOfRuns(block, name, count, ...more) {
  const counts = await callsOf(() => block(name, count, ...more));
  return Object.fromEntries(Object.entries(counts).map(([call, times]) => [call, times / count]));
}
