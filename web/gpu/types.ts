/** What crosses between a GPUHost and whoever drives it; this file has no code. */

/** A compute pipeline: WGSL with entry point `main`, and values of its override constants. */
export interface KernelData {
  readonly name: string;
  readonly source: string;
  readonly constants: { readonly [name: string]: number };
}

/** Dispatches over one heap, as numbers; rows lie one after the other. */
export interface PlanData {
  readonly kernels: readonly KernelData[];
  /** Rows of 4: number of the kernel, workgroups along x, y, z. */
  readonly dispatches: Uint32Array;
  /** 256 bytes for each dispatch: its uniform struct. */
  readonly params: Uint8Array;
  /** Rows of 3: byte offset in the heap, byte offset in the staged bytes, bytes. */
  readonly inputs: Uint32Array;
  /** Rows of 2: byte offset in the heap and bytes of what every run sends back, one after the other. */
  readonly report: Uint32Array;
  /** Rows of 2: first and last + 1 dispatch of every unit of timing, in order. */
  readonly spans: Uint32Array;
}

/** Bytes in someone else's memory, such as Python's: borrowed for the time of a call, since that memory may move. */
export interface BorrowedBytes {
  getBuffer(type: "u8"): { readonly data: Uint8Array<ArrayBuffer>; release(): void };
}

export type Bytes = Uint8Array<ArrayBuffer> | BorrowedBytes;

/** Bit i stands for input i; a number holds 53 of them, a bigint any count. */
export type Mask = number | bigint;

/** What a run sent back. */
export interface Report {
  readonly bytes: Uint8Array;
  /** Nanoseconds of each span, 0 for one that did not run; null where the device has no clock or none was asked for. */
  readonly times: Float64Array | null;
}

/** What is known of a device. */
export interface AdapterFacts {
  readonly name: string;
  /** Whether a CPU plays the GPU. */
  readonly software: boolean;
  /** Of one storage buffer, so of the heap. */
  readonly mostBytes: number;
  readonly features: readonly string[];
}

/** What lives and what has happened. */
export interface Counters {
  readonly runs: number;
  readonly dispatches: number;
  readonly plans: number;
  readonly pipelines: number;
  readonly buffers: number;
  /** Reports that were not fetched yet. */
  readonly pendingReports: number;
}
