import type { StopReason } from "../generated/loom.d.ts";
import type { RunState } from "./training";

/** What the page says of a run's state. */
export const STATES: Readonly<Record<RunState, string>> = {
  ready: "Ready",
  loaded: "Loaded from a file",
  running: "Training",
  paused: "Paused",
  ended: "Finished",
  failed: "Stopped by an error",
};

/** How a run ended, and what can be done next. */
export const ENDINGS: Readonly<Record<StopReason, string>> = {
  finished: "All epochs are done. Continue trains on.",
  early_stopping: "Stopped: the loss no longer falls.",
  anomaly: "Stopped by an anomaly: the weights are those of the step before. Lower the learning rate, then reset.",
  cancelled: "Cancelled.",
};
