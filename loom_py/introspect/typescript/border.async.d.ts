// Async API only: loading, long calls, observation.

/** Progress of loading. */
export interface LoadingProgress {
  readonly phase: "start" | "runtime" | "packages" | "session" | "ready";
  /** Bytes received so far, of all files. */
  readonly loaded: number;
  /** Total size of the files requested so far in bytes; null if the server does not report it. */
  readonly total: number | null;
  /** A message for people. */
  readonly text: string;
}

/** Options of `createLoom`. */
export interface LoomOptions {
  /** Folder with Pyodide's files and the package, ending in "/"; by default `pyodide/` next to the page. */
  readonly indexURL?: string | URL;
  /** URL of the module worker; by default the one built with the library. */
  readonly workerURL?: string | URL;
  /** Called with the progress of loading. */
  readonly onProgress?: (progress: LoadingProgress) => void;
  /** Aborts loading. */
  readonly signal?: AbortSignal;
}

/** Starts Python in a module worker and resolves to the library. */
export type CreateLoom = (options?: LoomOptions) => Promise<Loom>;

/**
 * Pauses, resumes and steps one long call, as an AbortController aborts one; create it by `new RunControl()`.
 *
 * Commands given before the call starts apply from its first step.
 */
export interface RunControl {
  /** Whether the call is paused. A call that runs a number of steps counts as paused. */
  readonly paused: boolean;
  /** Pause after the current step. */
  pause(): void;
  /** Continue. */
  resume(): void;
  /** Run that many steps (by default one), then pause. */
  step(steps?: number): void;
  /** For the bridge: connect to a call that starts; returns the number of steps it may run at first. */
  connect(control: (action: "pause" | "resume" | "step", steps?: number) => void): number | undefined;
  /** For the bridge: the call has ended; later commands apply to the next one. */
  disconnect(): void;
}

/** Options of every long call. */
export interface LongCallOptions {
  /** Ends the call after the current step; it resolves to the completed part, with `stopped_because: "cancelled"`. */
  readonly signal?: AbortSignal;
  /** Called with every event of the run, in order. */
  readonly onEvent?: (event: TrainingEvent) => void;
  /** Pauses, resumes and steps the call. */
  readonly control?: RunControl;
}

/** Options of `observe`. */
export interface ObserveOptions {
  /** Collect statistics in every N-th run of the network. */
  readonly every?: number;
  /** Collect statistics only of these layers, by path. */
  readonly layers?: readonly string[];
  /** Minimum seconds between messages of statistics during a run; a pause sends all buffered rows. */
  readonly interval_s?: number;
  /** Maximum number of buffered rows; a full buffer is sent before the interval is over. */
  readonly capacity?: number;
}

/** A stream of observation messages; ends when it is closed or its network is disposed. */
export interface Observation extends AsyncIterableIterator<ObservationMessage>, AsyncDisposable {
  /** Number of messages dropped because they were not read in time. */
  readonly dropped: number;
  /** Ends the stream. */
  close(): Promise<void>;
}

/** An object that lives in the worker until it is disposed. */
export interface Handle extends AsyncDisposable {
  /** Frees the object in the worker; later calls are rejected. */
  dispose(): Promise<void>;
}

export interface Loom {
  /**
   * Make a network from its config.
   *
   * @throws {@link ConfigError} the config is not an object, or has an unknown layer, key or value.
   */
  network(config: NetworkConfig): Promise<Network>;
}

export interface Network {
  /** Observe the network: first its blueprint, then statistics and training events as they occur. */
  observe(options?: ObserveOptions): Observation;
}
