import { GPUHost } from "./host.ts";
import { Poll } from "./poll.ts";
import type { AdapterFacts } from "./types.ts";

export interface OpenOptions {
  /** What stands in for `navigator.gpu`. */
  readonly gpu?: GPU | undefined;
  /** Whether to ask the browser again and again while something is awaited; by default in Firefox. */
  readonly poll?: boolean;
}

/** Why there is no device, in words. */
export interface Unavailable {
  readonly reason: string;
}

const WANTED = ["timestamp-query", "subgroups"] as const;
const SOFTWARE = /swiftshader|llvmpipe|lavapipe|softpipe|basic render|\bwarp\b/i;

/** The fastest device of this page, with all the memory that it gives, or why there is none. */
export async function openGPU(options: OpenOptions = {}): Promise<GPUHost | Unavailable> {
  const gpu = options.gpu ?? (typeof navigator === "undefined" ? undefined : navigator.gpu);
  if (!gpu) return { reason: withoutWebGPU() };
  try {
    const adapter = await gpu.requestAdapter({ powerPreference: "high-performance" });
    if (!adapter) return { reason: "the browser has WebGPU, yet found no GPU that it can use" };
    const { maxStorageBufferBindingSize, maxBufferSize } = adapter.limits;
    const device = await adapter.requestDevice({
      requiredLimits: { maxStorageBufferBindingSize, maxBufferSize },
      requiredFeatures: WANTED.filter((feature) => adapter.features.has(feature)),
    });
    return new GPUHost(device, factsOf(adapter), options.poll ?? Poll.isNeeded());
  } catch (error) {
    return { reason: `the browser gave no GPU device: ${error instanceof Error ? error.message : String(error)}` };
  }
}

function withoutWebGPU(): string {
  const secure = (globalThis as { isSecureContext?: boolean }).isSecureContext;
  return secure === false ? "browsers give WebGPU to pages of https and localhost alone" : "this browser has no WebGPU";
}

function factsOf(adapter: GPUAdapter): AdapterFacts {
  const { info, limits, features } = adapter;
  const name =
    info.description || info.device || `${info.vendor} ${info.architecture}`.trim() || "a GPU without a name";
  // Older browsers say it of the adapter, newer ones in its info.
  const isFallback = info.isFallbackAdapter ?? (adapter as { isFallbackAdapter?: boolean }).isFallbackAdapter ?? false;
  return {
    name,
    software: isFallback || SOFTWARE.test(`${name} ${info.architecture}`),
    mostBytes: Math.min(limits.maxStorageBufferBindingSize, limits.maxBufferSize),
    features: WANTED.filter((feature) => features.has(feature)),
  };
}
