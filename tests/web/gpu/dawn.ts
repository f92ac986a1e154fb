import { create } from "webgpu";
import { type GPUHost, openGPU } from "../../../web/gpu/index.ts";

// Dawn's instance must stay referenced as long as anything of it is used.
const gpu: GPU = create([]);

/** A device of Dawn, which Chromium's WebGPU is made of, in this process; words where there is no driver. */
export async function openDawn(options: { readonly poll?: boolean } = {}): Promise<GPUHost | string> {
  const found = await openGPU({ gpu, ...options });
  return "reason" in found ? found.reason : found;
}

const probe = await openDawn();

/** Why the tests can't run, undefined when they can. */
export const missing = typeof probe === "string" ? probe : undefined;
if (missing) console.warn(`skipped: ${missing}; do: install Chromium or mesa-vulkan-drivers, which bring a driver`);
else (probe as GPUHost).destroy();

/** The same, for tests that are skipped when it is missing. */
export async function dawn(options: { readonly poll?: boolean } = {}): Promise<GPUHost> {
  const found = await openDawn(options);
  if (typeof found === "string") throw new Error(found);
  return found;
}
