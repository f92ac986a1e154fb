/** A canvas at the resolution of the screen, drawn on in CSS pixels. */
export class HidpiCanvas {
  readonly context: CanvasRenderingContext2D;
  /** Size in CSS pixels. */
  width = 0;
  height = 0;
  /** Whether it is on screen; it is not drawn otherwise. */
  visible = true;
  readonly #resizes: ResizeObserver;
  readonly #sightings: IntersectionObserver;

  constructor(
    readonly element: HTMLCanvasElement,
    onChange: () => void,
  ) {
    const context = element.getContext("2d");
    if (!context) throw new Error("This browser has no 2D canvas, which the charts need; use a current browser.");
    this.context = context;
    this.#resizes = new ResizeObserver(([entry]) => {
      if (!entry) return;
      this.width = entry.contentRect.width;
      this.height = entry.contentRect.height;
      onChange();
    });
    this.#sightings = new IntersectionObserver(
      ([entry]) => {
        this.visible = entry?.isIntersecting ?? true;
        if (this.visible) onChange();
      },
      { rootMargin: "100px" },
    );
    this.#resizes.observe(element);
    this.#sightings.observe(element);
  }

  /** Device pixels per CSS pixel. */
  get ratio(): number {
    return window.devicePixelRatio || 1;
  }

  /** Clears the canvas and sets its unit to one CSS pixel; false if there is nothing to draw on. */
  begin(): boolean {
    if (!this.visible || this.width < 1 || this.height < 1) return false;
    const width = Math.round(this.width * this.ratio);
    const height = Math.round(this.height * this.ratio);
    // Setting a canvas's size clears it and allocates memory, so only when it changed.
    if (this.element.width !== width || this.element.height !== height) {
      this.element.width = width;
      this.element.height = height;
    }
    this.context.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    this.context.clearRect(0, 0, this.width, this.height);
    return true;
  }

  dispose(): void {
    this.#resizes.disconnect();
    this.#sightings.disconnect();
  }
}
