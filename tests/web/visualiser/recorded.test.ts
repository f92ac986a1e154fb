import { gzipSync } from "node:zlib";
import { expect, test } from "vitest";
import { messageOf, type Recorded, unpack } from "../../../web/visualiser/notebook/recorded";

test("a recording of a page is read, NaN included", async () => {
  const data = Buffer.from(new Float32Array([1, Number.NaN, -3]).buffer).toString("base64");
  const recorded = {
    title: "ü",
    facts: [],
    findings: [],
    blueprint: { grid_rows: 1, grid_cols: 1, layers_per_cell: 1, total_params: 0, layers: [] },
    columns: { stats: ["step"], training: ["loss"] },
    frames: [{ step: 3, at: 0, messages: [{ kind: "training", rows: 3, data, types: ["batch_end"] }] }],
  } satisfies Recorded;
  const read = await unpack(gzipSync(JSON.stringify(recorded)).toString("base64"));
  expect(read).toEqual(recorded);
  const [message] = read.frames[0]?.messages ?? [];
  expect(message && messageOf(read, message)).toEqual({
    kind: "training",
    columns: ["loss"],
    rows: 3,
    data: new Float32Array([1, Number.NaN, -3]),
    types: ["batch_end"],
  });
});
