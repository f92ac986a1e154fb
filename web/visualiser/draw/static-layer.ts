import type { HidpiCanvas } from "./hidpi-canvas";

/**
 * What changes seldom, such as axes: drawn once onto a canvas of its own, and copied from there in every frame.
 *
 * Text is the dearest thing to draw; copying costs the same however much of it there is.
 */
export class StaticLayer {
  readonly #canvas = document.createElement("canvas");
  readonly #context = this.#canvas.getContext("2d");
  #key = "";

  /** Puts the layer onto the canvas; `paint` is called when the key, or the size, is another. */
  draw(target: HidpiCanvas, key: string, paint: (context: CanvasRenderingContext2D) => void): void {
    const { element, context, ratio } = target;
    if (!this.#context) {
      paint(context);
      return;
    }
    const whole = `${element.width} ${element.height} ${ratio} ${key}`;
    if (whole !== this.#key) {
      this.#key = whole;
      this.#canvas.width = element.width; // clears it too
      this.#canvas.height = element.height;
      this.#context.setTransform(ratio, 0, 0, ratio, 0, 0);
      paint(this.#context);
    }
    context.save();
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.drawImage(this.#canvas, 0, 0);
    context.restore();
  }
}
