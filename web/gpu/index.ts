/** Plans of WGSL kernels on a device of the browser; knows nothing of networks, and imports nothing of ours. */

export { DeviceLost, GPURefused, OutOfMemory } from "./errors.ts";
export { GPUHost } from "./host.ts";
export { type OpenOptions, openGPU, type Unavailable } from "./open.ts";
export type { AdapterFacts, BorrowedBytes, Bytes, Counters, KernelData, Mask, PlanData, Report } from "./types.ts";
