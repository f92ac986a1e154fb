import type { Bytes } from "./types.ts";

/** Use bytes that may lie in memory that moves: the view is good inside `use` alone. */
export function withBytes(bytes: Bytes, use: (data: Uint8Array<ArrayBuffer>) => void): void {
  if (bytes instanceof Uint8Array) {
    use(bytes);
    return;
  }
  const borrowed = bytes.getBuffer("u8");
  try {
    use(borrowed.data);
  } finally {
    borrowed.release();
  }
}
