import type { Bytes } from "./types.ts";

/** Use bytes that may lie in memory that moves: the view is good inside `use` alone. */
export function lend(bytes: Bytes, use: (data: Uint8Array<ArrayBuffer>) => void): void {
  if (bytes instanceof Uint8Array) {
    use(bytes);
    return;
  }
  const lent = bytes.getBuffer("u8");
  try {
    use(lent.data);
  } finally {
    lent.release();
  }
}
