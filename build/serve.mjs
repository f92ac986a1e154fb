// Builds the page and serves it on a given port, for browser tests and benches.

import { runMain } from "./lib.mjs";
import { buildAndServe } from "./start.mjs";

await runMain(async ([port]) => {
  const { url } = await buildAndServe({ port: Number(port), logLevel: "error" });
  console.log(url);
});
