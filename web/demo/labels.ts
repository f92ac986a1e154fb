import type { StopReason } from "../generated/loom.d.ts";
import type { RunState } from "./training";

/** Labels of a run's states. */
export const STATES: Readonly<Record<RunState, string>> = {
  ready: "Ready",
  loaded: "Loaded from a file",
  running: "Training",
  paused: "Paused",
  ended: "Finished",
  failed: "Stopped by an error",
};

/** Hints after a run, by the reason for its end. */
export const ENDINGS: Readonly<Record<StopReason, string>> = {
  finished: "All epochs are done. Press Continue to train further.",
  early_stopping: "Stopped early: the loss no longer improves.",
  anomaly: "Stopped by an anomaly; the weights are from the step before it. Lower the learning rate, then press Reset.",
  cancelled: "Cancelled.",
};
