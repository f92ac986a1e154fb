import { bridgeError, textOf } from "./errors.ts";
import type { PageMessage, WireError, WorkerMessage } from "./protocol.ts";

/** The part of Pyodide that is used; its own types need the DOM's and change between versions. */
export interface Pyodide {
  readonly loadedPackages: Readonly<Record<string, string>>;
  /** Called when the interpreter dies; not public, but used by Pyodide's own console too. */
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
  /** The same, but Python may pause during the call to await a promise. */
  callPromising(message: PageMessage): Promise<void>;
}

/** A running session of Python. */
export interface Session {
  deliver(message: PageMessage): void;
  /** Free the session and all its objects. */
  close(): void;
}

export type Post = (message: WorkerMessage, transfer: Transferable[]) => void;

/**
 * Start the session in a loaded Pyodide.
 *
 * Only this file handles Python objects (PyProxy), and it keeps exactly one: the session's function that receives
 * messages. Everything else crosses as plain data, made and freed by Python.
 *
 * @param pausing - whether Python may pause in a call to await a promise, as it does for the GPU.
 */
export function startSession(pyodide: Pyodide, post: Post, { pausing = false } = {}): Session {
  return sessionOf(pyodide, start(pyodide, post, "serve"), post, pausing);
}

/** The same for JavaScript in the same thread: every answer is posted before `deliver` returns. */
export function startSyncSession(pyodide: Pyodide, post: Post): Session {
  return sessionOf(pyodide, start(pyodide, post, "serve_direct"), post, false);
}

/** Import a module before its first use, so that loading can report it as a phase. */
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
    // The session answers errors of calls itself, so this is the interpreter's death or a bug in the bridge.
    if (isFatal(error)) die(error);
    else if (message.kind === "call")
      post({ kind: "response", id: message.id, ok: false, error: wireError(error) }, []);
    else console.error("loom_py: a message failed", error);
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

/** Whether the interpreter is dead after this error. */
function isFatal(error: unknown): boolean {
  return typeof error === "object" && error !== null && "pyodide_fatal_error" in error;
}

/** Wire form of anything that Pyodide throws: for Python errors the class, the message and the traceback. */
export function wireError(error: unknown): WireError {
  const text = textOf(error);
  if (isFatal(error)) return bridgeError("python_died", `Python stopped for good: ${text}. Do: load it again.`);
  const type = error instanceof Error && "type" in error ? String(error.type) : undefined;
  if (type === undefined) return bridgeError("worker", text);
  // Python's text is the traceback, then "Class: message".
  const last = text.trimEnd().split("\n").at(-1) ?? text;
  const message = last.replace(/^[\w.]*:\s*/, "");
  return { name: type, code: "python", message, traceback: text };
}
