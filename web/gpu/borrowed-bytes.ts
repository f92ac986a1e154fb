import type { Bytes } from "./types.ts";

/** Call `use` with a view of bytes whose memory may move; the view is valid only inside `use`. */
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
