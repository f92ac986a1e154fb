/**
 * Types of all messages between the page and the worker; this file has no code.
 *
 * Data keys are Python's. Arrays cross as `{ data, shape }` with a typed array; objects of Python cross as a
 * `HandleRef`. NaN and infinities are ordinary numbers here and are preserved.
 */

/** Reference to an object in the worker, by number. */
export interface HandleRef {
  readonly $handle: number;
  /** Name of its Python class, such as "Network". */
  readonly class: string;
}

export type WireTypedArray =
  | Float32Array
  | Float64Array
  | Int8Array
  | Int16Array
  | Int32Array
  | Uint8Array
  | Uint8ClampedArray
  | Uint16Array
  | Uint32Array
  | BigInt64Array
  | BigUint64Array;

/** Bytes, such as a file's; not an array of numbers. */
export interface WireBytes {
  readonly $bytes: Uint8Array;
}

/** A function that Python calls, without a result; only in the same thread. */
export type WireFunction = (...given: unknown[]) => void;

/** An n-dimensional array: its elements in reading order, and its shape. */
export interface WireArray {
  readonly data: WireTypedArray;
  readonly shape: readonly number[];
}

export type WireValue =
  | null
  | undefined
  | boolean
  | number
  | bigint
  | string
  | ArrayBuffer
  | WireTypedArray
  | WireArray
  | WireBytes
  | WireFunction
  | Blob
  | HandleRef
  | readonly WireValue[]
  | { readonly [key: string]: WireValue };

export type WireObject = { readonly [key: string]: WireValue };

/** Target 0: the library itself, where objects are made. */
export type Library = 0;

// ---- page → worker ----

/** First message: load Pyodide from this folder, NumPy and the package by its lock file, and start the session. */
export interface BootMessage {
  readonly kind: "boot";
  /** Address of the folder with Pyodide's files, ending in "/". */
  readonly indexURL: string;
  /** Name of the package in the folder's `pyodide-lock.json`. */
  readonly packageName: string;
}

/** Call a method by its Python name; answered by one response with the same id. */
export interface CallMessage {
  readonly kind: "call";
  readonly id: number;
  /** Handle number, or 0 for the library. */
  readonly target: number;
  readonly method: string;
  /** Positional arguments. */
  readonly args: readonly WireValue[];
  /** Arguments by name. */
  readonly options: WireObject;
  /** Whether a long call pushes its events while it runs. */
  readonly events?: boolean;
  /** Steps after which a long call pauses; no limit if absent. */
  readonly steps?: number;
}

/** End a long call early; it still answers, with its results so far. */
export interface AbortMessage {
  readonly kind: "abort";
  readonly id: number;
}

/** Pause or resume a long call, or let it do a number of steps and pause again. */
export interface ControlMessage {
  readonly kind: "steer";
  readonly id: number;
  readonly action: "pause" | "resume" | "step";
  readonly steps?: number;
}

/** The page is being hidden or closed: observers send their buffered records. */
export interface HideMessage {
  readonly kind: "hide";
}

export type PageMessage = BootMessage | CallMessage | AbortMessage | ControlMessage | HideMessage;

// ---- worker → page ----

export type LoadingPhase = "start" | "runtime" | "packages" | "session" | "ready";

/** Progress of loading; `total` is null if the server does not say. */
export interface ProgressMessage {
  readonly kind: "progress";
  readonly phase: LoadingPhase;
  /** Bytes received so far, all files together. */
  readonly loaded: number;
  /** Bytes expected from the files started so far. */
  readonly total: number | null;
  /** The current activity, for users. */
  readonly text: string;
}

/** Signature of a public name. */
export interface MethodEntry {
  /** Python's name. */
  readonly method: string;
  /** A `long` call can be paused, aborted and observed; `stream` starts a stream of messages. */
  readonly kind: "method" | "property" | "long" | "stream";
  /** Parameters that may be positional, in order. */
  readonly positional: readonly string[];
  /** Keyword-only parameters. */
  readonly named: readonly string[];
}

/** Signatures by public name in JavaScript's spelling. */
export type MethodTable = { readonly [name: string]: MethodEntry };

/** Everything that may be called, derived from the package's introspection. */
export interface Surface {
  readonly version: string;
  readonly library: MethodTable;
  readonly classes: { readonly [className: string]: MethodTable };
}

/** The session is ready for calls. */
export interface ReadyMessage {
  readonly kind: "ready";
  readonly surface: Surface;
}

/** An error; `traceback` is present for errors that are not the package's own. */
export interface WireError {
  /** Class name in Python, such as "ShapeError". */
  readonly name: string;
  /** Stable identifier, such as "shape". */
  readonly code: string;
  readonly message: string;
  readonly traceback?: string;
}

export type ResponseMessage =
  | { readonly kind: "response"; readonly id: number; readonly ok: true; readonly value: WireValue }
  | { readonly kind: "response"; readonly id: number; readonly ok: false; readonly error: WireError };

/** Messages of a stream or events of a long call, tagged by the call that started it and by its object. */
export interface PushMessage {
  readonly kind: "push";
  readonly id: number;
  readonly target: number;
  readonly messages: readonly WireObject[];
  /** The stream ends with these messages. */
  readonly last?: boolean;
}

/** Loading failed, or the worker died: all pending calls are lost. */
export interface CrashMessage {
  readonly kind: "crash";
  readonly error: WireError;
}

export type WorkerMessage = ProgressMessage | ReadyMessage | ResponseMessage | PushMessage | CrashMessage;
