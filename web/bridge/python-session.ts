import { bridgeError, textOf } from "./errors.ts";
import type { PageMessage, WireError, WorkerMessage } from "./protocol.ts";

/** What is used of Pyodide; its own types need a page's, and change between its versions. */
export interface Pyodide {
  readonly loadedPackages: Readonly<Record<string, string>>;
  /** Not public, but what Pyodide's own console uses: tells of the interpreter's end, wherever it comes. */
  readonly _api?: { on_fatal?: (error: unknown) => void };
  pyimport(name: string): unknown;
  loadPackage(names: string[], options: PackageOptions): Promise<unknown>;
  registerJsModule(name: string, module: object): void;
}

interface PackageOptions {
  messageCallback(text: string): void;
  errorCallback(text: string): void;
}

interface PyObject {
  destroy(): void;
}

type Serve = PyObject & ((post: Post) => Receive);

interface SessionModule extends PyObject {
  readonly serve: Serve;
  readonly serve_direct: Serve;
}

interface Receive extends PyObject {
  (message: PageMessage): void;
  /** The same where Python may pause in the middle to wait for a promise. */
  callPromising(message: PageMessage): Promise<void>;
}

/** A running session of Python. */
export interface Session {
  deliver(message: PageMessage): void;
  /** Free it with all its objects. */
  close(): void;
}

export type Post = (message: WorkerMessage, transfer: Transferable[]) => void;

/**
 * Start the session in a loaded Pyodide.
 *
 * This file alone touches objects of Python (PyProxy), and holds exactly one: the session's function that receives
 * messages. Everything else crosses as plain data, made and freed by Python.
 *
 * @param pausing - whether Python may pause in a call until a promise is settled, as it does to wait for the GPU.
 */
export function startSession(pyodide: Pyodide, post: Post, { pausing = false } = {}): Session {
  return sessionOf(pyodide, start(pyodide, post, "serve"), post, pausing);
}

/** The same for JavaScript in the same thread: every answer is posted before the message returns. */
export function startSyncSession(pyodide: Pyodide, post: Post): Session {
  return sessionOf(pyodide, start(pyodide, post, "serve_direct"), post, false);
}

/** Import a module ahead of its use, so that the page can be told what takes the time. */
export function importModule(pyodide: Pyodide, name: string): void {
  (pyodide.pyimport(name) as PyObject).destroy();
}

function start(pyodide: Pyodide, post: Post, how: "serve" | "serve_direct"): Receive {
  const module = pyodide.pyimport("loom_py.session") as SessionModule;
  const serve = module[how];
  const receive = serve(post);
  serve.destroy();
  module.destroy();
  return receive;
}

function sessionOf(pyodide: Pyodide, receive: Receive, post: Post, pausing: boolean): Session {
  let end: WireError | undefined;
  const die = (error: unknown) => {
    end ??= wireError(error);
    post({ kind: "crash", error: end }, []);
  };
  if (pyodide._api) pyodide._api.on_fatal = die;
  const fail = (message: PageMessage, error: unknown) => {
    // The session answers every error of a call itself, so this is the interpreter's end or a defect of the bridge.
    if (isFatal(error) || message.kind !== "call") die(error);
    else post({ kind: "response", id: message.id, ok: false, error: wireError(error) }, []);
  };
  return {
    deliver(message) {
      try {
        if (end) post({ kind: "crash", error: end }, []);
        else if (pausing) receive.callPromising(message).catch((error: unknown) => fail(message, error));
        else receive(message);
      } catch (error) {
        fail(message, error);
      }
    },
    close() {
      receive.destroy();
    },
  };
}

/** Whether Python can't go on at all after this. */
function isFatal(error: unknown): boolean {
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
