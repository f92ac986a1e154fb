/**
 * Every message that crosses between the page and the worker, as types; this file has no code.
 *
 * Data keys are Python's. Arrays cross as `{ data, shape }` with a typed array; objects that live in Python cross as
 * a `HandleRef`. `NaN` and infinities are ordinary numbers here and survive.
 */

/** An object that lives in the worker, named by number. */
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
  | Uint32Array;

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
  | string
  | ArrayBuffer
  | WireTypedArray
  | WireArray
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
  /** Whether a long call shall push its events while it runs. */
  readonly events?: boolean;
  /** A long call does so many steps and pauses; absent: no limit. */
  readonly steps?: number;
}

/** End a long call early; it still answers, with what it has got. */
export interface AbortMessage {
  readonly kind: "abort";
  readonly id: number;
}

/** Pause a long call, let it go on, or let it do so many steps and pause again. */
export interface SteerMessage {
  readonly kind: "steer";
  readonly id: number;
  readonly action: "pause" | "resume" | "step";
  readonly steps?: number;
}

/** The page is being hidden or closed: deliver what is held back. */
export interface HideMessage {
  readonly kind: "hide";
}

export type PageMessage = BootMessage | CallMessage | AbortMessage | SteerMessage | HideMessage;

// ---- worker → page ----

export type LoadingPhase = "start" | "runtime" | "packages" | "session" | "ready";

/** How far loading has come; `total` is null where the server does not say. */
export interface ProgressMessage {
  readonly kind: "progress";
  readonly phase: LoadingPhase;
  /** Bytes received so far, all files together. */
  readonly loaded: number;
  /** Bytes expected of the files begun so far. */
  readonly total: number | null;
  /** What is happening, for people. */
  readonly text: string;
}

/** How one public name is called. */
export interface MethodEntry {
  /** Python's name. */
  readonly method: string;
  /** `long` calls can be paused, aborted and listened to; `stream` starts a stream of messages. */
  readonly kind: "method" | "property" | "long" | "stream";
  /** Names of the parameters that may be given by position, in order. */
  readonly positional: readonly string[];
  /** Names of the parameters that can be given by name alone. */
  readonly named: readonly string[];
}

/** Public names in JavaScript's spelling → how they are called. */
export type MethodTable = { readonly [name: string]: MethodEntry };

/** Everything that may be called, derived from what the package says of itself. */
export interface Surface {
  readonly version: string;
  readonly library: MethodTable;
  readonly classes: { readonly [className: string]: MethodTable };
}

/** The session stands; calls may come. */
export interface ReadyMessage {
  readonly kind: "ready";
  readonly surface: Surface;
}

/** An error with its words; `traceback` is present where it was not raised on purpose. */
export interface WireError {
  /** Class name in Python, such as "ShapeError". */
  readonly name: string;
  /** Stable word for programs, such as "shape". */
  readonly code: string;
  readonly message: string;
  readonly traceback?: string;
}

export type ResponseMessage =
  | { readonly kind: "response"; readonly id: number; readonly ok: true; readonly value: WireValue }
  | { readonly kind: "response"; readonly id: number; readonly ok: false; readonly error: WireError };

/** Messages of a stream, or events of a long call, tagged by the call that began it and the object it belongs to. */
export interface PushMessage {
  readonly kind: "push";
  readonly id: number;
  readonly target: number;
  readonly messages: readonly WireObject[];
  /** The stream ends with these messages. */
  readonly last?: boolean;
}

/** Loading failed, or the worker can't go on: every call waiting is lost. */
export interface CrashMessage {
  readonly kind: "crash";
  readonly error: WireError;
}

export type WorkerMessage = ProgressMessage | ReadyMessage | ResponseMessage | PushMessage | CrashMessage;
