/** Types shared by a GPUHost and its driver; this file has no code. */

/** A compute pipeline: WGSL with entry point `main`, and values of its override constants. */
export interface KernelData {
  readonly name: string;
  readonly source: string;
  readonly constants: { readonly [name: string]: number };
}

/** Dispatches over one heap, as consecutive rows of numbers. */
export interface PlanData {
  readonly kernels: readonly KernelData[];
  /** Rows of 4: number of the kernel, workgroups along x, y, z. */
  readonly dispatches: Uint32Array;
  /** Uniform structs, 256 bytes per dispatch. */
  readonly params: Uint8Array;
  /** Rows of 3: byte offset in the heap, byte offset in the staged bytes, bytes. */
  readonly inputs: Uint32Array;
  /** Rows of 2: byte offset in the heap and bytes of each part of the report, in order. */
  readonly report: Uint32Array;
  /** Rows of 2: first and last + 1 dispatch of each span, the unit of timing, in order. */
  readonly spans: Uint32Array;
}

/** Bytes in foreign memory, such as Python's: borrowed for one call, since that memory may move. */
export interface BorrowedBytes {
  getBuffer(type: "u8"): { readonly data: Uint8Array<ArrayBuffer>; release(): void };
}

export type Bytes = Uint8Array<ArrayBuffer> | BorrowedBytes;

/** Set of inputs: bit i is input i. A number has room for 53 bits, a bigint for any number of bits. */
export type Mask = number | bigint;

/** Result of a run. */
export interface Report {
  readonly bytes: Uint8Array;
  /** Nanoseconds of each span, 0 for one that did not run; null if timing is unavailable or was not requested. */
  readonly times: Float64Array | null;
}

/** Properties of a device. */
export interface AdapterFacts {
  readonly name: string;
  /** Whether it is a software renderer. */
  readonly software: boolean;
  /** Size limit of a storage buffer, and so of the heap. */
  readonly mostBytes: number;
  readonly features: readonly string[];
}

/** Counts of live resources and of past work. */
export interface Counters {
  readonly runs: number;
  readonly dispatches: number;
  readonly plans: number;
  readonly pipelines: number;
  readonly buffers: number;
  /** Reports that were neither fetched nor forgotten. */
  readonly pendingReports: number;
}
