/** Layout of the page's file of digits: bytes of pixels, then bytes of labels, training images first. */
export interface DigitsInfo {
  readonly count: number;
  readonly training: number;
  readonly height: number;
  readonly width: number;
  /** Value of a pixel that is fully ink. */
  readonly max_value: number;
  readonly classes: number;
}

/** Images as rows of float32 between 0 and 1, and their classes. */
export interface Digits {
  readonly images: Float32Array;
  readonly labels: Uint8Array;
  readonly count: number;
  /** Values per image. */
  readonly size: number;
}

export interface DigitSets {
  readonly training: Digits;
  readonly heldOut: Digits;
}

export function parseDigits(info: DigitsInfo, bytes: Uint8Array): DigitSets {
  const size = info.height * info.width;
  const expected = info.count * (size + 1);
  if (bytes.length !== expected) {
    throw new Error(`digits.bin: expected ${expected} bytes, got ${bytes.length}; run build/digits.py again.`);
  }
  const images = Float32Array.from(bytes.subarray(0, info.count * size), (value) => value / info.max_value);
  const labels = bytes.slice(info.count * size);
  const part = (from: number, to: number): Digits => ({
    images: images.slice(from * size, to * size),
    labels: labels.slice(from, to),
    count: to - from,
    size,
  });
  return { training: part(0, info.training), heldOut: part(info.training, info.count) };
}

/** Fetches the files next to the page. */
export async function loadDigits(): Promise<DigitSets> {
  const [info, bytes] = await Promise.all([fetchFile("digits.json"), fetchFile("digits.bin")]);
  return parseDigits((await info.json()) as DigitsInfo, new Uint8Array(await bytes.arrayBuffer()));
}

async function fetchFile(name: string): Promise<Response> {
  const response = await fetch(new URL(name, document.baseURI));
  if (!response.ok) throw new Error(`${name}: the server answered ${response.status} ${response.statusText}.`);
  return response;
}

/** The pixels of one image. */
export function imageAt(digits: Digits, index: number): Float32Array {
  return digits.images.subarray(index * digits.size, (index + 1) * digits.size);
}
