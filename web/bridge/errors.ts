import type { WireError } from "./protocol.ts";

/**
 * An error of the package or of the bridge.
 *
 * `name` is the class in Python ("ShapeError"), `code` a stable identifier ("shape"); the message says what was
 * expected, what was got, and what to do. Errors of the bridge itself have the name "LoomError".
 */
export class LoomError extends Error {
  override readonly name: string;
  readonly code: string;
  /** Python's traceback, for errors that are not the package's own. */
  declare readonly traceback?: string;

  constructor(error: WireError) {
    super(error.message);
    this.name = error.name;
    this.code = error.code;
    if (error.traceback !== undefined) this.traceback = error.traceback;
  }
}

/** Wire form of an error of the bridge itself. */
export function bridgeError(code: string, message: string): WireError {
  return { name: "LoomError", code, message };
}

/** Message of any thrown value. */
export function textOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
