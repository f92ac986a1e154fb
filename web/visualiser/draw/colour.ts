/**
 * Colour ramps that stay readable with colour blindness: lightness alone gives the order.
 *
 * Interpolated in OKLab (B. Ottosson, 2020, "A perceptual color space for image processing"), where equal steps look equal.
 */

export type Rgb = readonly [number, number, number];
type Lab = readonly [number, number, number];

/** 256 colours; index 0 is the low end. */
export type Ramp = readonly string[];

/** Lightness, chroma and hue (degrees) of a colour in OKLCh. */
type Anchor = readonly [number, number, number];

// From pale to deep on light pages, from deep to bright on dark ones: larger values contrast more with the page.
const SEQUENTIAL: Record<"light" | "dark", readonly Anchor[]> = {
  light: [
    [0.955, 0.02, 200],
    [0.83, 0.085, 200],
    [0.65, 0.12, 230],
    [0.48, 0.14, 262],
    [0.31, 0.12, 285],
  ],
  dark: [
    [0.3, 0.035, 270],
    [0.43, 0.1, 262],
    [0.57, 0.115, 235],
    [0.74, 0.11, 200],
    [0.92, 0.09, 160],
  ],
};

// Blue below zero, orange above: distinguishable with all common forms of colour blindness.
const DIVERGING: Record<"light" | "dark", readonly Anchor[]> = {
  light: [
    [0.45, 0.14, 255],
    [0.72, 0.095, 245],
    [0.96, 0.006, 90],
    [0.74, 0.115, 62],
    [0.47, 0.125, 45],
  ],
  dark: [
    [0.8, 0.115, 240],
    [0.54, 0.11, 250],
    [0.3, 0.012, 260],
    [0.56, 0.105, 52],
    [0.83, 0.12, 70],
  ],
};

export function ramp(kind: "sequential" | "diverging", mode: "light" | "dark"): Ramp {
  const anchors = (kind === "sequential" ? SEQUENTIAL : DIVERGING)[mode].map(fromLch);
  return Array.from({ length: 256 }, (_, index) => css(toRgb(between(anchors, index / 255))));
}

/** Colour of a share between 0 and 1 on a ramp. */
export function onRamp(colours: Ramp, share: number): string {
  const index = Math.round(Math.min(1, Math.max(0, share)) * (colours.length - 1));
  return colours[index] ?? "";
}

/** Black or white, whichever has more contrast on `colour` ("#rrggbb"). */
export function inkOn(colour: string): "#000000" | "#ffffff" {
  const light = luminance(parse(colour));
  return (light + 0.05) / 0.05 >= 1.05 / (light + 0.05) ? "#000000" : "#ffffff";
}

/** WCAG contrast ratio of two colours, 1 to 21. */
export function contrast(one: string, other: string): number {
  const [a, b] = [luminance(parse(one)), luminance(parse(other))];
  return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
}

/** Perceived lightness of a colour in OKLab, 0 to 1. */
export function lightness(colour: string): number {
  const [red, green, blue] = parse(colour).map(linear) as [number, number, number];
  const l = Math.cbrt(0.4122214708 * red + 0.5363325363 * green + 0.0514459929 * blue);
  const m = Math.cbrt(0.2119034982 * red + 0.6806995451 * green + 0.1073969566 * blue);
  const s = Math.cbrt(0.0883024619 * red + 0.2817188376 * green + 0.6299787005 * blue);
  return 0.2104542553 * l + 0.793617785 * m - 0.0040720468 * s;
}

function fromLch([light, chroma, hue]: Anchor): Lab {
  const angle = (hue / 180) * Math.PI;
  return [light, chroma * Math.cos(angle), chroma * Math.sin(angle)];
}

function between(anchors: readonly Lab[], share: number): Lab {
  const place = share * (anchors.length - 1);
  const index = Math.min(Math.floor(place), anchors.length - 2);
  const part = place - index;
  const from = anchors[index] ?? [0, 0, 0];
  const to = anchors[index + 1] ?? from;
  const mix = (axis: 0 | 1 | 2): number => from[axis] + (to[axis] - from[axis]) * part;
  return [mix(0), mix(1), mix(2)];
}

function toRgb([light, a, b]: Lab): Rgb {
  const l = (light + 0.3963377774 * a + 0.2158037573 * b) ** 3;
  const m = (light - 0.1055613458 * a - 0.0638541728 * b) ** 3;
  const s = (light - 0.0894841775 * a - 1.291485548 * b) ** 3;
  return [
    gamma(4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s),
    gamma(-1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s),
    gamma(-0.0041960863 * l - 0.7034186147 * m + 1.707614701 * s),
  ];
}

function gamma(value: number): number {
  const clamped = Math.min(1, Math.max(0, value));
  return Math.round(255 * (clamped <= 0.0031308 ? 12.92 * clamped : 1.055 * clamped ** (1 / 2.4) - 0.055));
}

function linear(byte: number): number {
  const value = byte / 255;
  return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
}

function luminance(colour: Rgb): number {
  const [red, green, blue] = colour.map(linear) as [number, number, number];
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

function css(colour: Rgb): string {
  return `#${colour.map((byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}

function parse(colour: string): Rgb {
  const at = (start: number): number => Number.parseInt(colour.slice(start, start + 2), 16);
  return [at(1), at(3), at(5)];
}
