import type { Device, Network } from "../generated/loom.d.ts";

/** Devices with the words that the form shows. */
export const DEVICES: Readonly<Record<Device, string>> = {
  auto: "Auto",
  webgpu: "WebGPU",
  wasm: "WebAssembly",
  numpy: "NumPy",
};

/** Where a network runs, in its own words. */
export interface Whereabouts {
  /** Name of the device in use. */
  readonly device: string;
  readonly reason: string;
  /** Why the GPU can't be used; null if it can. */
  readonly withoutGPU: string | null;
}

const AUTO = "auto: ";

export async function whereaboutsOf(network: Network): Promise<Whereabouts> {
  const answers = [network.device(), network.deviceReason(), network.gpuUnavailableReason()] as const;
  const [device, reason, withoutGPU] = await Promise.all(answers);
  return { device, reason, withoutGPU };
}

/** Whether the network is, or was meant to be, on a GPU that is there no more. */
export function isLost({ device, withoutGPU }: Whereabouts, asked: Device): boolean {
  return withoutGPU !== null && (asked === "webgpu" || device === "webgpu");
}

/** Which device is in use and why, in a sentence. */
export function describeDevice({ device, reason, withoutGPU }: Whereabouts, asked: Device): string {
  if (device === "webgpu" && withoutGPU !== null) return `${sentence(withoutGPU)} The next step goes on without it.`;
  const where = `Runs on ${named(device)}`;
  if (asked === device) return `${where}, as chosen.`;
  if (asked === "wasm" || asked === "numpy") return sentence(`${where}: ${named(reason)}`);
  if (withoutGPU !== null) return sentence(`${where}: ${withoutGPU}`);
  return sentence(
    `${where}: ${reason.startsWith(AUTO) ? named(reason.slice(AUTO.length)) : "the first step tries a GPU"}`,
  );
}

/** Why the first training step takes longer than the others; undefined where it does not. */
export function firstStepOn({ device, withoutGPU }: Whereabouts, asked: Device): string | undefined {
  if (device === "webgpu") return "The GPU's programs for this network are being compiled; that is done once …";
  if (asked === "auto" && withoutGPU === null) return "Auto is measuring whether the GPU is faster for this network …";
  return undefined;
}

/** A text of the network with its names of devices as the form spells them. */
function named(text: string): string {
  return text.replace(/\b(webgpu|wasm|numpy)\b/g, (name) => DEVICES[name as Device]);
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1).replace(/\.$/, "")}.`;
}
