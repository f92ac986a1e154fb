import type { Blueprint, ObservationMessage } from "../data/messages";

/** A message as JSON has it: numbers as base64 of little-endian float32. */
export type RecordedMessage =
  | { readonly kind: "stats"; readonly rows: number; readonly data: string }
  | { readonly kind: "training"; readonly rows: number; readonly data: string; readonly types: readonly string[] }
  | Extract<ObservationMessage, { kind: "anomaly" }>;

/** What the run had come to at a moment, told since the frame before. */
export interface RecordedFrame {
  readonly step: number;
  /** Milliseconds since the run began. */
  readonly at: number;
  readonly messages: readonly RecordedMessage[];
}

export interface RecordedFinding {
  readonly severity: string;
  /** Name of the finding of which this one is a consequence. */
  readonly cause: string | null;
  readonly headline: string;
  readonly text: string;
}

export interface Recorded {
  readonly title: string;
  /** Facts of the run, such as its number of parameters. */
  readonly facts: readonly string[];
  readonly findings: readonly RecordedFinding[];
  readonly blueprint: Blueprint;
  /** Names of the columns of each kind of rows. */
  readonly columns: { readonly stats: readonly string[]; readonly training: readonly string[] };
  readonly frames: readonly RecordedFrame[];
}

function numbers(base64: string): Float32Array {
  const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  return new Float32Array(bytes.buffer);
}

/** A message of the recording as the dashboard takes it. */
export function messageOf(recorded: Recorded, message: RecordedMessage): ObservationMessage {
  if (message.kind === "anomaly") return message;
  const { rows } = message;
  const data = numbers(message.data);
  if (message.kind === "stats") return { kind: "stats", columns: recorded.columns.stats, rows, data };
  return { kind: "training", columns: recorded.columns.training, rows, data, types: message.types };
}

/** The recording of a page: base64 of gzipped JSON. */
export async function unpack(base64: string): Promise<Recorded> {
  const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  const text = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return JSON.parse(await new Response(text).text());
}
