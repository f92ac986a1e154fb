// Builds the page and serves it on the port given, for the browser tests and the bench.

import { runMain } from "./lib.mjs";
import { buildAndServe } from "./start.mjs";

await runMain(async ([port]) => {
  const { url } = await buildAndServe({ port: Number(port), logLevel: "error" });
  console.log(url);
});
