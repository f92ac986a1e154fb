// Types without a declaration in Python: arrays, options of the bridge, messages. The rest is generated.

/** A flat typed array of any element type; values are read as float32, class labels and ids as integers. */
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

/** A `Float16Array`, which older libraries of TypeScript lack. */
export interface HalfArray extends ArrayLike<number> {
  readonly [Symbol.toStringTag]: "Float16Array";
}

/** Typed arrays as arguments. */
export type InputArray = TypedArray | BigInt64Array | BigUint64Array | HalfArray;

/** An n-dimensional float32 array: its elements in row-major order, and its shape. */
export interface NDArray {
  readonly data: Float32Array;
  readonly shape: readonly number[];
}

/** An n-dimensional array of any element type. */
export interface AnyNDArray {
  readonly data: TypedArray;
  readonly shape: readonly number[];
}

/** The same as an argument. */
export interface InputNDArray {
  readonly data: InputArray;
  readonly shape: readonly number[];
}

/** Numbers in nested lists; the lists of each level have the same length. */
export type NestedNumbers = readonly (number | NestedNumbers)[];

/** Array arguments. A typed array has one axis; pass `{ data, shape }` for more. */
export type ArrayInput = number | InputArray | NestedNumbers | InputNDArray;

/** The grid of cells of a network; layers run in reading order: rows, columns, slots. */
export interface GridConfig {
  readonly rows: number;
  readonly cols: number;
  readonly layers_per_cell: number;
}

/** A network as data, the same in files, messages and every language. */
export interface NetworkConfig {
  /** Shape of one sample, without the batch axis; a number for a vector. */
  readonly input_shape: number | readonly number[];
  /** The grid; by default one cell with all layers. */
  readonly grid?: GridConfig;
  /** Seed of the initial weights and of all randomness; by default a random one. */
  readonly seed?: number | null;
  /** Layers in reading order. */
  readonly layers: readonly LayerConfig[];
}

/** A parameter of a method, as returned by `getMethods`. */
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

/** A method, as returned by `getMethods`: with Python's names and types, and its current availability. */
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

/** The network's structure, sent when observation starts and when the network changes. */
export interface BlueprintMessage {
  readonly kind: "blueprint";
  readonly blueprint: Blueprint;
}

/** Rows of numbers in columns: column j is `data.subarray(j * rows, (j + 1) * rows)`; NaN means not measured. */
export interface ColumnarRows {
  readonly columns: readonly string[];
  readonly rows: number;
  readonly data: Float32Array;
}

/** Statistics, one row per layer and pass; `layer` is an index in the flat blueprint, `phase` 0 forward, 1 backward. */
export interface StatsMessage extends ColumnarRows {
  readonly kind: "stats";
}

/** Training events, one per row. */
export interface TrainingMessage extends ColumnarRows {
  readonly kind: "training";
  /** Event type of each row. */
  readonly types: readonly EventType[];
}

/** An anomaly in training, sent at once. */
export interface AnomalyMessage {
  readonly kind: "anomaly";
  readonly event: TrainingEvent;
}

/** Messages of an observation, discriminated by `kind`. */
export type ObservationMessage = BlueprintMessage | StatsMessage | TrainingMessage | AnomalyMessage;

/** Fields of every error of the package. */
export interface LoomErrorFields extends Error {
  /** Python's traceback, if the error was not raised on purpose. */
  readonly traceback?: string;
}
