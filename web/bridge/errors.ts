import type { WireError } from "./protocol.ts";

/**
 * An error of the package or of the bridge.
 *
 * `name` is the class in Python ("ShapeError"), `code` a stable word for programs ("shape"); the message says what was
 * expected, what was got, and what to do. Errors of the bridge itself have the name "LoomError".
 */
export class LoomError extends Error {
  override readonly name: string;
  readonly code: string;
  /** Python's traceback, where the error was not raised on purpose. */
  declare readonly traceback?: string;

  constructor(error: WireError) {
    super(error.message);
    this.name = error.name;
    this.code = error.code;
    if (error.traceback !== undefined) this.traceback = error.traceback;
  }
}

/** An error of the bridge itself, in words. */
export function bridgeError(code: string, message: string): WireError {
  return { name: "LoomError", code, message };
}

/** The text of whatever was thrown. */
export function textOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
