// The async face's own: loading, long calls, observation.

/** How far loading has come. */
export interface LoadingProgress {
  readonly phase: "start" | "runtime" | "packages" | "session" | "ready";
  /** Bytes received so far, all files together. */
  readonly loaded: number;
  /** Bytes expected of the files begun so far; null where the server does not say. */
  readonly total: number | null;
  /** What is happening, for people. */
  readonly text: string;
}

/** How `createLoom` finds and loads the library. */
export interface LoomOptions {
  /** Folder with Pyodide's files and the package, ending in "/"; by default `pyodide/` beside the page. */
  readonly indexURL?: string | URL;
  /** The module worker's address; by default the one built with the library. */
  readonly workerURL?: string | URL;
  /** Is told how far loading has come. */
  readonly onProgress?: (progress: LoadingProgress) => void;
  /** Gives up loading. */
  readonly signal?: AbortSignal;
}

/** Starts Python in a module worker and gives the library. */
export type CreateLoom = (options?: LoomOptions) => Promise<Loom>;

/**
 * Pauses, resumes and steps one long call, as an AbortController aborts one; `new RunControl()` of the bridge makes one.
 *
 * What is said before the call begins holds from its first step.
 */
export interface RunControl {
  /** Whether the call was told to rest. A call that does a number of steps counts as paused. */
  readonly paused: boolean;
  /** Rest after the step at hand. */
  pause(): void;
  /** Go on. */
  resume(): void;
  /** Do so many steps, then rest. */
  step(steps?: number): void;
  /** For the bridge: connect with a call that begins; gives the number of steps it may do at first. */
  connect(steer: (action: "pause" | "resume" | "step", steps?: number) => void): number | undefined;
  /** For the bridge: the call has ended; what is said from now on is for the next one. */
  disconnect(): void;
}

/** Steers a call that takes long. */
export interface LongCallOptions {
  /** Ends the call after the step at hand; it still gives what was completed, with `stopped_because: "cancelled"`. */
  readonly signal?: AbortSignal;
  /** Is told every event of the run, in order. */
  readonly onEvent?: (event: TrainingEvent) => void;
  /** Pauses, resumes and steps the call. */
  readonly control?: RunControl;
}

/** What to observe, and how often. */
export interface ObserveOptions {
  /** Statistics at every N-th run of the network. */
  readonly every?: number;
  /** Statistics of these layers alone, by path. */
  readonly layers?: readonly string[];
  /** Seconds between messages of statistics while a run goes on, at least; when it rests, all that is held is sent. */
  readonly interval_s?: number;
  /** Rows held at most; a full buffer is sent before the interval is over. */
  readonly capacity?: number;
}

/** A stream of observation messages; ends when it is closed or its network disposed. */
export interface Observation extends AsyncIterableIterator<ObservationMessage>, AsyncDisposable {
  /** Messages that were dropped because nobody took them in time. */
  readonly dropped: number;
  /** Ends the stream. */
  close(): Promise<void>;
}

/** An object that lives in the worker until it is disposed. */
export interface Handle extends AsyncDisposable {
  /** Frees the object in the worker; every later call is refused. */
  dispose(): Promise<void>;
}

export interface Loom {
  /**
   * Make a network from its config.
   *
   * @throws {@link ConfigError} the config is no object, or has an unknown layer, key or value.
   */
  network(config: NetworkConfig): Promise<Network>;
}

export interface Network {
  /** Observe the network: its blueprint, then statistics and training events as they come. */
  observe(options?: ObserveOptions): Observation;
}
