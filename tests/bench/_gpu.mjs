// Our GPU as the bridge opens it for Python; bundled for the page and for Node.

export { PageGPU } from "../../web/bridge/gpu.ts";
export { openGPU } from "../../web/gpu/index.ts";
