import type { Point, Stroke } from "./digitise";

/** A canvas to draw on with mouse, finger or pen; reports its strokes as they grow. */
export class DrawingPad {
  readonly #context: CanvasRenderingContext2D;
  #strokes: Point[][] = [];
  #drawing: number | undefined;

  constructor(
    readonly canvas: HTMLCanvasElement,
    readonly onChange: (strokes: readonly Stroke[]) => void,
  ) {
    const context = canvas.getContext("2d");
    if (!context) throw new Error("This browser has no 2D canvas, which drawing needs; use a current browser.");
    this.#context = context;
    canvas.addEventListener("pointerdown", (event) => this.#begin(event));
    canvas.addEventListener("pointermove", (event) => this.#extend(event));
    for (const end of ["pointerup", "pointercancel"] as const) {
      canvas.addEventListener(end, () => {
        this.#drawing = undefined;
      });
    }
    new ResizeObserver(() => this.draw()).observe(canvas);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.draw());
  }

  clear(): void {
    this.#strokes = [];
    this.draw();
  }

  draw(): void {
    const { width, height } = this.canvas.getBoundingClientRect();
    const ratio = window.devicePixelRatio || 1;
    this.canvas.width = Math.round(width * ratio);
    this.canvas.height = Math.round(height * ratio);
    const context = this.#context;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    const style = getComputedStyle(this.canvas);
    context.lineCap = "round";
    context.lineJoin = "round";
    context.strokeStyle = style.getPropertyValue("--lv-ink");
    context.lineWidth = Math.max(8, width * 0.085);
    for (const stroke of this.#strokes) {
      context.beginPath();
      for (const [x, y] of stroke) context.lineTo(x * width, y * width);
      const [first] = stroke;
      if (stroke.length === 1 && first) context.lineTo(first[0] * width + 0.01, first[1] * width);
      context.stroke();
    }
  }

  #begin(event: PointerEvent): void {
    if (event.button !== 0) return;
    event.preventDefault();
    this.#drawing = event.pointerId;
    this.canvas.setPointerCapture(event.pointerId);
    this.#strokes.push([this.#at(event)]);
    this.#changed();
  }

  #extend(event: PointerEvent): void {
    if (event.pointerId !== this.#drawing) return;
    // Between two frames a pen reports several points; all of them make the line round.
    const events = event.getCoalescedEvents?.() ?? [];
    for (const point of events.length > 0 ? events : [event]) this.#strokes.at(-1)?.push(this.#at(point));
    this.#changed();
  }

  /** In units of the canvas's width both ways, so that a resized page keeps the drawing's proportions. */
  #at(event: PointerEvent): Point {
    const box = this.canvas.getBoundingClientRect();
    return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.width];
  }

  #changed(): void {
    this.draw();
    this.onChange(this.#strokes);
  }
}
