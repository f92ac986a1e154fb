/** Draws an 8 × 8 image in the page's ink colour on a transparent background; the stylesheet scales it up. */
export function drawThumbnail(canvas: HTMLCanvasElement, image: Float32Array): void {
  const context = canvas.getContext("2d");
  if (!context) return;
  canvas.width = 8;
  canvas.height = 8;
  context.clearRect(0, 0, 8, 8);
  context.fillStyle = getComputedStyle(canvas).getPropertyValue("--lv-ink");
  image.forEach((share, index) => {
    context.globalAlpha = share;
    context.fillRect(index % 8, Math.floor(index / 8), 1, 1);
  });
  context.globalAlpha = 1;
}
