import { bridgeError, textOf } from "./errors.ts";
import type { PageMessage, WireError, WorkerMessage } from "./protocol.ts";

/** What is used of Pyodide; its own types need a page's, and change between its versions. */
export interface Pyodide {
  readonly loadedPackages: Readonly<Record<string, string>>;
  pyimport(name: string): unknown;
  loadPackage(names: string[], options: PackageOptions): Promise<unknown>;
}

interface PackageOptions {
  messageCallback(text: string): void;
  errorCallback(text: string): void;
}

interface PyObject {
  destroy(): void;
}

interface SessionModule extends PyObject {
  readonly serve: PyObject & ((post: Post) => (message: PageMessage) => void);
}

export type Post = (message: WorkerMessage, transfer: Transferable[]) => void;

/**
 * Start the session in a loaded Pyodide and give what delivers messages to it.
 *
 * This file alone touches objects of Python (PyProxy), and holds exactly one: the session's function that receives
 * messages. Everything else crosses as plain data, made and freed by Python.
 */
export function startSession(pyodide: Pyodide, post: Post): (message: PageMessage) => void {
  const module = pyodide.pyimport("loom_py.session") as SessionModule;
  const serve = module.serve;
  const receive = serve(post);
  serve.destroy();
  module.destroy();
  return (message) => {
    try {
      receive(message);
    } catch (error) {
      // The session answers every error of a call itself, so this is the interpreter's end or a defect of the bridge.
      if (isFatal(error) || message.kind !== "call") post({ kind: "crash", error: wireError(error) }, []);
      else post({ kind: "response", id: message.id, ok: false, error: wireError(error) }, []);
    }
  };
}

/** Whether Python can't go on at all after this. */
export function isFatal(error: unknown): boolean {
  return typeof error === "object" && error !== null && "pyodide_fatal_error" in error;
}

/** Whatever Pyodide threw, as it is sent: the class and words of an error of Python, its traceback beside it. */
export function wireError(error: unknown): WireError {
  const text = textOf(error);
  if (isFatal(error)) return bridgeError("python_died", `Python stopped for good: ${text}. Load it anew.`);
  const type = error instanceof Error && "type" in error ? String(error.type) : undefined;
  if (type === undefined) return bridgeError("worker", text);
  // Python's text ends with "Class: words", its traceback before that.
  const words = text.trimEnd().split("\n").at(-1) ?? text;
  const message = words.replace(/^[\w.]*:\s*/, "");
  return { name: type, code: "python", message, traceback: text };
}
