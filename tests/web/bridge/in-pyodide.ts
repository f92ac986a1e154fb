import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { loadPyodide } from "pyodide";
import { connect } from "../../../web/bridge/client.ts";
import type { PageMessage, WorkerMessage } from "../../../web/bridge/protocol.ts";
import { type Pyodide, startSession } from "../../../web/bridge/python-session.ts";
import { type Endpoint, Rpc } from "../../../web/bridge/rpc.ts";
import type { Loom } from "../../../web/generated/loom.d.ts";

/** Internals of Pyodide that only tests use. */
export interface OpenPyodide extends Pyodide {
  runPython(code: string): unknown;
  runPythonAsync(code: string): Promise<unknown>;
  readonly _api: { on_fatal?: (error: unknown) => void; fatal_error(error: Error): never };
  readonly _module: {
    readonly pyproxy_alloc_map: Map<unknown, unknown>;
    enable_pyproxy_allocation_tracing(): void;
  };
}

const INDEX = join(dirname(fileURLToPath(import.meta.url)), "../../../.cache/pyodide");

/** The real Pyodide with NumPy and our wheel, from our lock file. */
export async function loadPython(): Promise<OpenPyodide> {
  if (!existsSync(INDEX)) throw new Error("expected .cache/pyodide; do: npm run setup");
  const pyodide = await loadPyodide({ indexURL: `${INDEX}/` });
  await pyodide.loadPackage(["numpy", "loom-py"], { messageCallback: () => {}, errorCallback: console.error });
  return pyodide as unknown as OpenPyodide;
}

export interface Bridge {
  readonly loom: Loom;
  readonly rpc: Rpc;
  close(): void;
}

/** The whole bridge without the Worker: client, real MessageChannel, Python session. */
export async function openBridge(pyodide: Pyodide): Promise<Bridge> {
  const { port1, port2 } = new MessageChannel();
  const rpc = new Rpc(port1 as Endpoint);
  const session = startSession(pyodide, (message: WorkerMessage, transfer) => port2.postMessage(message, transfer));
  port2.onmessage = ({ data }: MessageEvent<PageMessage>) => session.deliver(data);
  const close = () => {
    port1.close();
    port2.close();
  };
  return { loom: await connect(rpc, close), rpc, close };
}
