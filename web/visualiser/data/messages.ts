/** Observation messages: plain objects with columns of numbers, discriminated by `kind`. Types only. */

export interface BlueprintLayer {
  readonly path: string;
  readonly type: string;
  readonly row: number;
  readonly col: number;
  readonly layer: number;
  readonly activation?: string | null;
  readonly input_shape: readonly number[];
  readonly output_shape: readonly number[];
  readonly num_params: number;
  readonly children?: readonly BlueprintLayer[];
}

export interface Blueprint {
  readonly grid_rows: number;
  readonly grid_cols: number;
  readonly layers_per_cell: number;
  readonly total_params: number;
  readonly layers: readonly BlueprintLayer[];
}

export interface BlueprintMessage {
  readonly kind: "blueprint";
  readonly blueprint: Blueprint;
}

/** Rows of numbers, column-major: column j is `data.subarray(j * rows, (j + 1) * rows)`; NaN where nothing was measured. */
export interface ColumnarRows {
  readonly columns: readonly string[];
  readonly rows: number;
  readonly data: Float32Array;
}

/** One row per layer and pass; `layer` is the position in the flattened blueprint, `phase` 0 forward and 1 backward. */
export interface StatsMessage extends ColumnarRows {
  readonly kind: "stats";
}

export interface TrainingMessage extends ColumnarRows {
  readonly kind: "training";
  /** Event type of each row, such as "batch_end". */
  readonly types: readonly string[];
}

export interface AnomalyMessage {
  readonly kind: "anomaly";
  readonly event: {
    readonly step?: number;
    readonly path?: string | null;
    readonly text?: string | null;
    readonly loss?: number | null;
  };
}

export type ObservationMessage = BlueprintMessage | StatsMessage | TrainingMessage | AnomalyMessage;
