import { GPUHost } from "./host.ts";
import { Poll } from "./poll.ts";
import type { AdapterFacts } from "./types.ts";

export interface OpenOptions {
  /** Replacement for `navigator.gpu`. */
  readonly gpu?: GPU | undefined;
  /** Whether to poll the browser while awaiting the GPU; by default only in Firefox. */
  readonly poll?: boolean;
}

/** Absence of a device, with the reason as a text. */
export interface Unavailable {
  readonly reason: string;
}

const WANTED = ["timestamp-query", "subgroups"] as const;
const SOFTWARE = /swiftshader|llvmpipe|lavapipe|softpipe|basic render|\bwarp\b/i;

/** The page's fastest device, with the largest buffers it supports, or the reason for its absence. */
export async function openGPU(options: OpenOptions = {}): Promise<GPUHost | Unavailable> {
  const gpu = options.gpu ?? (typeof navigator === "undefined" ? undefined : navigator.gpu);
  if (!gpu) return { reason: withoutWebGPU() };
  try {
    const adapter = await gpu.requestAdapter({ powerPreference: "high-performance" });
    if (!adapter) return { reason: "the browser has WebGPU but found no GPU it can use" };
    const { maxStorageBufferBindingSize, maxBufferSize } = adapter.limits;
    const device = await adapter.requestDevice({
      requiredLimits: { maxStorageBufferBindingSize, maxBufferSize },
      requiredFeatures: WANTED.filter((feature) => adapter.features.has(feature)),
    });
    return new GPUHost(device, factsOf(adapter), options.poll ?? Poll.isNeeded());
  } catch (error) {
    return { reason: `the browser could not open the GPU: ${error instanceof Error ? error.message : String(error)}` };
  }
}

function withoutWebGPU(): string {
  const secure = (globalThis as { isSecureContext?: boolean }).isSecureContext;
  return secure === false ? "WebGPU needs a page from https or localhost" : "this browser has no WebGPU";
}

function factsOf(adapter: GPUAdapter): AdapterFacts {
  const { info, limits, features } = adapter;
  const name =
    info.description || info.device || `${info.vendor} ${info.architecture}`.trim() || "a GPU without a name";
  // A property of the adapter in older browsers, of its info in newer ones.
  const isFallback = info.isFallbackAdapter ?? (adapter as { isFallbackAdapter?: boolean }).isFallbackAdapter ?? false;
  return {
    name,
    software: isFallback || SOFTWARE.test(`${name} ${info.architecture}`),
    mostBytes: Math.min(limits.maxStorageBufferBindingSize, limits.maxBufferSize),
    features: WANTED.filter((feature) => features.has(feature)),
  };
}
