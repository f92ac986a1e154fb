/**
 * Pen strokes to 8 × 8 images, by the method of the data set: a normalised 32 × 32 bitmap, then the ink of each 4 × 4
 * block as one pixel (Alpaydin & Kaynak, 1998).
 *
 * The constants were measured on the 1,797 images: every one fills all 8 rows, nearly all are 5 to 7 columns wide, and
 * all digits have close to 31 % ink, a 1 as much as an 8; so the pen's width follows from the ink.
 */

export type Point = readonly [x: number, y: number];
export type Stroke = readonly Point[];

const SIZE = 32;
const BLOCK = 4;
const WIDEST = 25;
const INK_SHARE = 0.306;
const PEN = { thinnest: 2.5, thickest: 11 };

/** 64 values between 0 and 1, row by row; undefined where nothing was drawn. */
export function digitise(strokes: readonly Stroke[]): Float32Array | undefined {
  const points = strokes.flat();
  if (points.length === 0) return undefined;
  let [thin, thick] = [PEN.thinnest, PEN.thickest];
  // Ink grows with the width of the pen, so bisection finds it; twelve rounds are finer than a pixel.
  for (let round = 0; round < 12; round++) {
    const pen = (thin + thick) / 2;
    const ink = rasterise(normalise(strokes, pen), pen).reduce((sum, dot) => sum + dot, 0);
    if (ink / SIZE ** 2 < INK_SHARE) thin = pen;
    else thick = pen;
  }
  const pen = (thin + thick) / 2;
  return countBlocks(rasterise(normalise(strokes, pen), pen));
}

/** Scales the strokes so that the digit, pen included, fills the height, and centres it. */
export function normalise(strokes: readonly Stroke[], pen: number): Stroke[] {
  const points = strokes.flat();
  const xs = points.map(([x]) => x);
  const ys = points.map(([, y]) => y);
  const [left, top] = [Math.min(...xs), Math.min(...ys)];
  const [width, height] = [Math.max(...xs) - left, Math.max(...ys) - top];
  // A dot or a flat line has no height to scale by.
  const scaleY = (SIZE - pen) / Math.max(height, width / 4, 1e-6);
  const scaleX = Math.min(scaleY, (WIDEST - pen) / Math.max(width, 1e-6));
  const place = ([x, y]: Point): Point => [
    SIZE / 2 + (x - left - width / 2) * scaleX,
    SIZE / 2 + (y - top - height / 2) * scaleY,
  ];
  return strokes.map((stroke) => stroke.map(place));
}

/** Bitmap with 1 where the centre of a pixel is under a round pen. */
function rasterise(strokes: readonly Stroke[], pen: number): Uint8Array {
  const bitmap = new Uint8Array(SIZE * SIZE);
  const reach = (pen / 2) ** 2;
  for (const stroke of strokes) {
    stroke.forEach((to, index) => {
      ink(bitmap, stroke[Math.max(0, index - 1)] ?? to, to, pen / 2, reach);
    });
  }
  return bitmap;
}

function ink(bitmap: Uint8Array, from: Point, to: Point, radius: number, reach: number): void {
  const clamp = (value: number): number => Math.min(SIZE - 1, Math.max(0, Math.floor(value)));
  for (let y = clamp(Math.min(from[1], to[1]) - radius); y <= clamp(Math.max(from[1], to[1]) + radius); y++) {
    for (let x = clamp(Math.min(from[0], to[0]) - radius); x <= clamp(Math.max(from[0], to[0]) + radius); x++) {
      if (squaredDistance([x + 0.5, y + 0.5], from, to) <= reach) bitmap[y * SIZE + x] = 1;
    }
  }
}

/** Squared distance of a point from a line segment. */
function squaredDistance([x, y]: Point, [x1, y1]: Point, [x2, y2]: Point): number {
  const [dx, dy] = [x2 - x1, y2 - y1];
  const length = dx * dx + dy * dy;
  const along = length === 0 ? 0 : Math.min(1, Math.max(0, ((x - x1) * dx + (y - y1) * dy) / length));
  return (x - x1 - along * dx) ** 2 + (y - y1 - along * dy) ** 2;
}

function countBlocks(bitmap: Uint8Array): Float32Array {
  const across = SIZE / BLOCK;
  const image = new Float32Array(across * across);
  bitmap.forEach((dot, index) => {
    const [row, column] = [Math.floor(index / SIZE / BLOCK), Math.floor((index % SIZE) / BLOCK)];
    const pixel = row * across + column;
    image[pixel] = (image[pixel] ?? 0) + dot / BLOCK ** 2;
  });
  return image;
}
