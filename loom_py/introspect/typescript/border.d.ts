// What has no declaration in Python: arrays, options of the bridge, messages. Types alone; the rest is generated.

/** A flat typed array of any element type; values are taken as float32, class labels and ids as integers. */
export type TypedArray =
  | Float32Array
  | Float64Array
  | Int8Array
  | Int16Array
  | Int32Array
  | Uint8Array
  | Uint8ClampedArray
  | Uint16Array
  | Uint32Array;

/** An n-dimensional float32 array: its elements in reading order (last axis fastest), and its shape. */
export interface NDArray {
  readonly data: Float32Array;
  readonly shape: readonly number[];
}

/** An n-dimensional array of any element type. */
export interface AnyNDArray {
  readonly data: TypedArray;
  readonly shape: readonly number[];
}

/** Numbers in nested lists, all rows of a level equally long. */
export type NestedNumbers = readonly (number | NestedNumbers)[];

/** What is taken where an array is wanted. A typed array alone has one axis; give `{ data, shape }` for more. */
export type ArrayInput = number | TypedArray | NestedNumbers | AnyNDArray;

/** The grid of cells that a network is laid out in; layers run in reading order: rows, columns, slots. */
export interface GridConfig {
  readonly rows: number;
  readonly cols: number;
  readonly layers_per_cell: number;
}

/** A network as data; the same in files, messages and every language. */
export interface NetworkConfig {
  /** Shape of one sample, without the batch axis; a number for a vector. */
  readonly input_shape: number | readonly number[];
  /** The grid; one cell that holds all layers if left out. */
  readonly grid?: GridConfig;
  /** Seed of the initial weights and of all randomness; a random one if left out. */
  readonly seed?: number | null;
  /** Layers in reading order. */
  readonly layers: readonly LayerConfig[];
}

/** A parameter of a method, as `getMethods` lists it. */
export interface ParameterInfo {
  readonly name: string;
  readonly type: string;
  readonly doc: string;
  readonly required: boolean;
  readonly default: unknown;
  readonly kind: "positional_only" | "positional_or_keyword" | "var_positional" | "keyword_only" | "var_keyword";
  readonly choices: readonly (string | number | boolean | null)[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusive_maximum?: number;
}

/** A method, as `getMethods` lists it: with Python's names and types, and whether it can be called now. */
export interface MethodInfo {
  readonly method_name: string;
  readonly parameters: readonly ParameterInfo[];
  readonly returns: readonly string[];
  readonly doc: string;
  readonly returns_doc: string;
  readonly raises: readonly { readonly error: string; readonly doc: string }[];
  readonly async: boolean;
  readonly available: boolean;
  readonly unavailable_reason: string;
  readonly signature: string;
}

/** The network's structure, sent when observing begins and when the network changes. */
export interface BlueprintMessage {
  readonly kind: "blueprint";
  readonly blueprint: Blueprint;
}

/** Rows of numbers by columns: column j is `data.subarray(j * rows, (j + 1) * rows)`; NaN where nothing was measured. */
export interface ColumnarRows {
  readonly columns: readonly string[];
  readonly rows: number;
  readonly data: Float32Array;
}

/** Statistics, a row per layer and pass; `layer` is the place in the flattened blueprint, `phase` 0 forward, 1 backward. */
export interface StatsMessage extends ColumnarRows {
  readonly kind: "stats";
}

/** Training events, a row each. */
export interface TrainingMessage extends ColumnarRows {
  readonly kind: "training";
  /** Event type of each row. */
  readonly types: readonly EventType[];
}

/** Something went wrong; sent at once, with words. */
export interface AnomalyMessage {
  readonly kind: "anomaly";
  readonly event: TrainingEvent;
}

/** What an observation brings, told apart by `kind`. */
export type ObservationMessage = BlueprintMessage | StatsMessage | TrainingMessage | AnomalyMessage;

/** What every error of the package has, beside what each is. */
export interface LoomErrorFields extends Error {
  /** Python's traceback, where the error was not raised on purpose. */
  readonly traceback?: string;
}
