// Measures encoding on Dawn in this process; prints the result after the word RESULT. Needs page and bundle as files:
//
//   node tests/bench/_dawn.mjs BUNDLE

import { pathToFileURL } from "node:url";
import { create, globals } from "webgpu";
import { measureEncode } from "./page/encode.mjs";

Object.assign(globalThis, globals);
const gpu = create([]); // stays referenced as long as anything of it is used
const { openGPU } = await import(pathToFileURL(process.argv[2]).href);
const host = await openGPU({ gpu });
if ("reason" in host) throw new Error(host.reason);
console.log(`RESULT${JSON.stringify(await measureEncode(host))}`);
process.exit(gpu ? 0 : 1); // Dawn's threads would keep it
