import type { Device, Network } from "../generated/loom.d.ts";

/** Labels of the devices. */
export const DEVICES: Readonly<Record<Device, string>> = {
  auto: "Auto",
  webgpu: "WebGPU",
  wasm: "WebAssembly",
  numpy: "NumPy",
};

/** The device of a network, as the network describes it. */
export interface DeviceStatus {
  /** Name of the device in use. */
  readonly device: string;
  readonly reason: string;
  /** Why the GPU can't be used; null if it can. */
  readonly withoutGPU: string | null;
}

const AUTO = "auto: ";

export async function deviceStatusOf(network: Network): Promise<DeviceStatus> {
  const answers = [network.device(), network.deviceReason(), network.gpuUnavailableReason()] as const;
  const [device, reason, withoutGPU] = await Promise.all(answers);
  return { device, reason, withoutGPU };
}

/** Whether the network is, or should be, on a GPU that was lost. */
export function isLost({ device, withoutGPU }: DeviceStatus, asked: Device): boolean {
  return withoutGPU !== null && (asked === "webgpu" || device === "webgpu");
}

/** The device in use and the reason, as a sentence. */
export function describeDevice({ device, reason, withoutGPU }: DeviceStatus, asked: Device): string {
  if (device === "webgpu" && withoutGPU !== null)
    return `${sentence(withoutGPU)} Training continues without it from the next step.`;
  const where = `Runs on ${named(device)}`;
  if (asked === device) return `${where}, as chosen.`;
  if (asked === "wasm" || asked === "numpy") return sentence(`${where}: ${named(reason)}`);
  if (withoutGPU !== null) return sentence(`${where}: ${withoutGPU}`);
  return sentence(
    `${where}: ${reason.startsWith(AUTO) ? named(reason.slice(AUTO.length)) : "the first step tests the GPU"}`,
  );
}

/** Explanation of a slow first training step; undefined where it is not slow. */
export function firstStepOn({ device, withoutGPU }: DeviceStatus, asked: Device): string | undefined {
  if (device === "webgpu") return "Compiling the GPU programs for this network; this happens once …";
  if (asked === "auto" && withoutGPU === null) return "Auto is measuring whether the GPU is faster for this network …";
  return undefined;
}

/** A text of the network with the devices named as in the form. */
function named(text: string): string {
  return text.replace(/\b(webgpu|wasm|numpy)\b/g, (name) => DEVICES[name as Device]);
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1).replace(/\.$/, "")}.`;
}
