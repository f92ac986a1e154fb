import type { HidpiCanvas } from "./hidpi-canvas";

/**
 * Rarely changing parts of a picture, such as axes: drawn once onto a canvas of their own and copied in every frame.
 *
 * Text is expensive to draw, while the cost of copying does not depend on the amount of text.
 */
export class StaticLayer {
  readonly #canvas = document.createElement("canvas");
  readonly #context = this.#canvas.getContext("2d");
  #key = "";

  /** Copies the layer onto the canvas, after calling `paint` if the key or the size has changed. */
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
