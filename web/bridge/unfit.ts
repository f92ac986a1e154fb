/** Why a value can't be an argument; the encoder adds which argument it is. */
export class Unfit extends Error {
  constructor(expected: string, got: string, todo = "") {
    super(`expected ${expected}, got ${got}${todo && `; do: ${todo}`}`);
  }
}

const REMEDIES: { readonly [kind: string]: string } = {
  Blob: "give its bytes, await blob.arrayBuffer()",
  Date: "give a number or a text, such as date.getTime() or date.toISOString()",
  File: "give its bytes, await file.arrayBuffer()",
  ImageData: "give its numbers, image.data",
  Map: "give Object.fromEntries(map)",
  Promise: "await it first",
  Set: "give [...set]",
  function: "give plain data, since functions can't be sent to a worker",
};

/** The error of a value that is not plain data. */
export function notPlain(value: unknown): Unfit {
  const kind = kindOf(value);
  const todo = REMEDIES[kind] ?? (typeof value === "object" ? "give a plain object or array with its data" : "");
  return new Unfit("plain data (numbers, texts, arrays, objects, typed arrays)", withArticle(kind), todo);
}

/** A value's kind for a message, with its article: "a Map", "an array". */
export function nameOf(value: unknown): string {
  return withArticle(kindOf(value));
}

/** Whether an object is a record of keys and values, and no array, buffer, or object of a class. */
export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  if (typeof value !== "object" || value === null || tagOf(value) !== "Object") return false;
  const prototype = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null; // the latter also for those of other windows
}

/** The name of a built-in object's kind, whatever its class or window: "Array", "Map", "Object". */
export function tagOf(value: object): string {
  return Object.prototype.toString.call(value).slice("[object ".length, -1);
}

function kindOf(value: unknown): string {
  if (typeof value !== "object" || value === null) return value === null ? "null" : typeof value;
  const name: unknown = value.constructor?.name;
  return tagOf(value) === "Object" && typeof name === "string" && name ? name : tagOf(value);
}

function withArticle(kind: string): string {
  if (kind === "null" || kind === "undefined") return kind;
  return `${/^[aeiou]/i.test(kind) ? "an" : "a"} ${kind}`;
}
