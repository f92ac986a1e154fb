import { create } from "webgpu";
import { type GPUHost, openGPU } from "../../../web/gpu/index.ts";

// Without zeroed workgroup memory, on which no kernel relies: SwiftShader compiles attention in 0.8 instead of 9 seconds.
// Dawn's instance must stay referenced as long as anything of it is used.
const gpu: GPU = create(["enable-dawn-features=disable_workgroup_init"]);

/** A device of Dawn, Chromium's implementation of WebGPU, in this process; the reason if there is no driver. */
export async function openDawn(options: { readonly poll?: boolean } = {}): Promise<GPUHost | string> {
  const found = await openGPU({ gpu, ...options });
  return "reason" in found ? found.reason : found;
}

const probe = await openDawn();

/** Reason why the tests can't run; undefined if they can. */
export const missing = typeof probe === "string" ? probe : undefined;
if (missing) console.warn(`skipped: ${missing}; do: install Chromium or mesa-vulkan-drivers, which bring a driver`);
else (probe as GPUHost).destroy();

/** A device of Dawn, for tests that are skipped without one. */
export async function dawn(options: { readonly poll?: boolean } = {}): Promise<GPUHost> {
  const found = await openDawn(options);
  if (typeof found === "string") throw new Error(found);
  return found;
}
