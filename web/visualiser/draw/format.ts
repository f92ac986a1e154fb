/** Formatting of numbers for display. Absent is an en dash, never 0; NaN and infinity are named. */

export const ABSENT = "–";
const MINUS = "−";

/** A measured value to `digits` significant digits; scientific where plain digits would be long. */
export function formatNumber(value: number | null | undefined, digits = 3): string {
  if (value === null || value === undefined) return ABSENT;
  if (Number.isNaN(value)) return "NaN";
  if (!Number.isFinite(value)) return value > 0 ? "∞" : `${MINUS}∞`;
  if (value === 0) return "0";
  const size = Math.abs(value);
  const text = size >= 1e5 || size < 1e-3 ? scientific(size, digits) : plain(size, digits);
  return value < 0 ? MINUS + text : text;
}

function plain(size: number, digits: number): string {
  const places = Math.max(0, digits - 1 - Math.floor(Math.log10(size)));
  return size.toFixed(places);
}

function scientific(size: number, digits: number): string {
  const [mantissa = "", exponent = "0"] = size.toExponential(digits - 1).split("e");
  return `${mantissa}e${exponent.replace("+", "").replace("-", MINUS)}`;
}

/** An axis label, with no more digits than the tick has; powers of ten far from 1 as 10ᵏ. */
export function formatTick(value: number): string {
  const size = Math.abs(value);
  if (size !== 0 && (size >= 1e4 || size < 1e-3)) return compactTick(value);
  return String(value).replace("-", MINUS);
}

function compactTick(value: number): string {
  const exponent = Math.floor(Math.log10(Math.abs(value)) + 1e-9);
  if (exponent >= 4 && exponent < 9) {
    const [unit, letter] = exponent >= 6 ? [1e6, "M"] : [1e3, "k"];
    return `${Number((value / unit).toPrecision(6))}${letter}`.replace("-", MINUS);
  }
  const lead = Number((value / 10 ** exponent).toPrecision(6));
  const power = `10${superscript(exponent)}`;
  return lead === 1 ? power : `${String(lead).replace("-", MINUS)}·${power}`;
}

function superscript(value: number): string {
  return [...String(value)].map((sign) => (sign === "-" ? "⁻" : ("⁰¹²³⁴⁵⁶⁷⁸⁹"[Number(sign)] ?? ""))).join("");
}

/** Whole numbers with thin spaces between thousands. */
export function formatCount(value: number): string {
  return Number.isFinite(value) ? String(Math.round(value)).replace(/\B(?=(\d{3})+$)/g, "\u202f") : formatNumber(value);
}

export function formatPercent(share: number | null | undefined, places = 1): string {
  if (share === null || share === undefined) return ABSENT;
  return Number.isFinite(share) ? `${(share * 100).toFixed(places)}\u202f%` : formatNumber(share);
}

/** A duration: 0.8 s, 42 s, 3 min 20 s, 1 h 5 min. */
export function formatSeconds(seconds: number | null | undefined): string {
  if (seconds === null || seconds === undefined || !Number.isFinite(seconds)) return ABSENT;
  if (seconds < 9.95) return `${seconds.toFixed(1)}\u202fs`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole}\u202fs`;
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return `${minutes}\u202fmin ${whole % 60}\u202fs`;
  return `${Math.floor(minutes / 60)}\u202fh ${minutes % 60}\u202fmin`;
}

export function formatNanoseconds(nanoseconds: number): string {
  if (!Number.isFinite(nanoseconds)) return ABSENT;
  return nanoseconds < 1e6
    ? `${formatNumber(nanoseconds / 1e3)}\u202fµs`
    : `${formatNumber(nanoseconds / 1e6)}\u202fms`;
}

/** A shape such as 64 or 8×8×3. */
export function formatShape(shape: readonly number[]): string {
  return shape.length === 0 ? "scalar" : shape.join("×");
}
