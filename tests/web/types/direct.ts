// The sync API: the same names and data, without promises.

import type { Blueprint, direct, ForwardResult, NDArray, Network } from "../../../web/generated/loom.d.ts";
import type { Holds, Same } from "./same.ts";

export function sameThread(loom: direct.Loom): number {
  using net = loom.network({ input_shape: 2, layers: [{ type: "Dense", inputs: 2, outputs: 1 }] });
  const { output } = net.forwardCPU([1, 2]);
  using recording = loom.recordingObserver({ every: 2 });
  net.addObserver(recording);
  return (output.data[0] ?? 0) + recording.getHistory().length + recording.dropped;
}

export type Results = [
  Holds<Same<ReturnType<direct.Network["forward"]>, NDArray>>,
  Holds<Same<ReturnType<direct.Network["forwardCPU"]>, ForwardResult>>,
  Holds<Same<ReturnType<direct.Network["getBlueprint"]>, Blueprint>>,
  Holds<Same<direct.Network["device"], string>>,
  // The sync API has no members that the async one lacks, except for those that take functions.
  Holds<Same<Exclude<keyof direct.Network, keyof Network | symbol>, never>>,
];
