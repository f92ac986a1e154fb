import type { Surface } from "./hidpi-canvas";

/**
 * What changes seldom, such as axes: drawn once onto a canvas of its own, and copied from there in every frame.
 *
 * Text is the dearest thing to draw; copying costs the same however much of it there is.
 */
export class Backdrop {
  readonly #canvas = document.createElement("canvas");
  readonly #context = this.#canvas.getContext("2d");
  #key = "";

  /** Puts the backdrop onto the surface; `paint` is called when the key, or the surface's size, is another. */
  draw(surface: Surface, key: string, paint: (context: CanvasRenderingContext2D) => void): void {
    const { canvas, context, ratio } = surface;
    if (!this.#context) {
      paint(context);
      return;
    }
    const whole = `${canvas.width} ${canvas.height} ${ratio} ${key}`;
    if (whole !== this.#key) {
      this.#key = whole;
      this.#canvas.width = canvas.width; // clears it too
      this.#canvas.height = canvas.height;
      this.#context.setTransform(ratio, 0, 0, ratio, 0, 0);
      paint(this.#context);
    }
    context.save();
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.drawImage(this.#canvas, 0, 0);
    context.restore();
  }
}
