// TensorFlow.js composed as in its union package, without layers and other backends; bundled for the page.

import "@tensorflow/tfjs-core/dist/register_all_gradients.js";

import "@tensorflow/tfjs-backend-webgpu";

export * as wasm from "@tensorflow/tfjs-backend-wasm";
export * from "@tensorflow/tfjs-core";
