import { expect, test } from "vitest";
import { MessageLog, type Numbered } from "../../../web/visualiser/notebook/message-log";

const message = (number: number): Numbered => ({ kind: "anomaly", event: { step: number }, number });

function view() {
  const seen: (number | "reset")[] = [];
  return {
    seen,
    push: (one: unknown) => seen.push((one as Numbered).number),
    reset: () => seen.push("reset"),
  };
}

test("a view gets what came before it, and what follows", () => {
  const log = new MessageLog();
  log.add(message(0));
  const one = view();
  const leave = log.follow(one);
  log.add(message(1));
  leave();
  log.add(message(2));
  expect(one.seen).toEqual([0, 1]);
});

test("messages that are late are put in order, and views start over once", async () => {
  const log = new MessageLog();
  const one = view();
  log.follow(one);
  for (const number of [2, 3, 0, 1, 1, 3]) log.add(message(number));
  await Promise.resolve();
  expect(one.seen).toEqual([2, 3, "reset", 0, 1, 2, 3]);
  log.add(message(4));
  expect(one.seen.at(-1)).toBe(4);
});

test("the log is bounded and keeps the structure of the network", () => {
  const log = new MessageLog();
  for (let number = 0; number < 20_010; number++) log.add(message(number));
  const one = view();
  log.follow(one);
  expect(one.seen).toHaveLength(20_000);
  expect(one.seen.slice(0, 2)).toEqual([0, 11]);
});
