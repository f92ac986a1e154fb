/** The bridge's public API: everything a page needs to run the library in a worker. */

export { transfer } from "./buffers.ts";
export { countAlive, createLoom } from "./client.ts";
export { RunControl } from "./control.ts";
export { LoomError } from "./errors.ts";
export { openDirect } from "./sync-api.ts";
