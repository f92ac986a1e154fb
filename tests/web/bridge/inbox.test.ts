import { beforeEach, expect, test } from "vitest";
import { Inbox } from "../../../web/bridge/inbox.ts";
import type { CallMessage, PageMessage, WireError, WireValue } from "../../../web/bridge/protocol.ts";

let delivered: PageMessage[];
let refused: [number, WireError][];
let inbox: Inbox;

beforeEach(() => {
  delivered = [];
  refused = [];
  inbox = new Inbox({
    deliver: (message) => delivered.push(message),
    refuse: (call, error) => refused.push([call, error]),
    read(blob) {
      if (blob.size === 0) throw new Error("it has changed");
      return new ArrayBuffer(blob.size);
    },
  });
});

function call(id: number, args: WireValue[] = [], options = {}): CallMessage {
  return { kind: "call", id, target: 0, method: "load", args, options };
}

test("an unreadable message is an error of the call after the last one", () => {
  inbox.receive(call(1));
  inbox.receive(null);
  inbox.lost();
  inbox.receive(call(4));
  inbox.receive({ kind: "hide" });
  expect(delivered).toEqual([call(1), call(4), { kind: "hide" }]);
  expect(refused.map(([id, { code }]) => [id, code])).toEqual([
    [2, "out_of_memory"],
    [3, "out_of_memory"],
  ]);
});

test("blobs among the arguments are read, and an unreadable one is an error of its call", () => {
  inbox.receive(call(1, [new Blob(["ab"]), 3], { source: new Blob(["abc"]) }));
  inbox.receive(call(2, [new Blob([])]));
  expect(delivered).toEqual([call(1, [{ $bytes: new Uint8Array(2) }, 3], { source: { $bytes: new Uint8Array(3) } })]);
  expect(refused).toEqual([[2, expect.objectContaining({ message: "load: can't read the file: it has changed" })]]);
});
