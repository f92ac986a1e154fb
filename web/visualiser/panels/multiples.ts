import type { Rect } from "../draw/layout";

/** Position of the two charts of a layer. */
export interface Multiple {
  readonly title: Rect;
  readonly outputs: Rect;
  readonly gradients: Rect;
  /** Place of the axis numbers: left of the first chart of a line, inside the others. */
  readonly labels: "outside" | "inside";
}

const SIZE = {
  minWidth: 132,
  gap: 14,
  gutter: 42,
  right: 6,
  title: 18,
  strip: 15,
  chart: 76,
  between: 8,
  axis: 22,
  line: 14,
};

/** Lines of charts of equal width, as many per line as stay legible; the first of each line has the shared axis. */
export function arrangeMultiples(
  count: number,
  width: number,
  shared: boolean,
): { multiples: Multiple[]; height: number } {
  const gutter = shared ? SIZE.gutter : 0;
  const room = Math.max(SIZE.minWidth, width - gutter - SIZE.right);
  const fit = Math.max(1, Math.floor((room + SIZE.gap) / (SIZE.minWidth + SIZE.gap)));
  const lines = Math.max(1, Math.ceil(count / fit));
  const perLine = Math.max(1, Math.ceil(count / lines));
  const each = (room - (perLine - 1) * SIZE.gap) / perLine;
  const chartPitch = SIZE.strip + SIZE.chart + SIZE.between;
  const pitch = SIZE.title + 2 * chartPitch - SIZE.between + SIZE.axis + SIZE.line;
  const multiples = Array.from({ length: count }, (_, index): Multiple => {
    const x = gutter + (index % perLine) * (each + SIZE.gap);
    const y = Math.floor(index / perLine) * pitch;
    const chart = { x, width: each, height: SIZE.chart };
    return {
      title: { x, y, width: each, height: SIZE.title },
      outputs: { ...chart, y: y + SIZE.title + SIZE.strip },
      gradients: { ...chart, y: y + SIZE.title + SIZE.strip + chartPitch },
      labels: shared && index % perLine === 0 ? "outside" : "inside",
    };
  });
  return { multiples, height: Math.max(0, Math.ceil(count / perLine) * pitch - SIZE.line) };
}
