import { type Ramp, ramp } from "./colour";

/** Colours and font for canvases, read from the custom properties of the stylesheet. */
export interface Theme {
  readonly mode: "light" | "dark";
  readonly surface: string;
  readonly sunken: string;
  readonly line: string;
  readonly grid: string;
  readonly ink: string;
  readonly inkSoft: string;
  readonly train: string;
  readonly validation: string;
  readonly alert: string;
  readonly alertInk: string;
  readonly accent: string;
  readonly font: string;
  readonly sequential: Ramp;
  readonly diverging: Ramp;
}

export function readTheme(element: Element): Theme {
  const style = getComputedStyle(element);
  const token = (name: string): string => style.getPropertyValue(`--lv-${name}`).trim();
  const mode = token("mode") === "dark" ? "dark" : "light";
  return {
    mode,
    surface: token("surface"),
    sunken: token("sunken"),
    line: token("line"),
    grid: token("grid"),
    ink: token("ink"),
    inkSoft: token("ink-soft"),
    train: token("train"),
    validation: token("validation"),
    alert: token("alert"),
    alertInk: token("alert-ink"),
    accent: token("accent"),
    font: style.fontFamily,
    sequential: ramp("sequential", mode),
    diverging: ramp("diverging", mode),
  };
}

/** Canvas font text; sizes in CSS pixels. */
export function font(theme: Theme, size: number, weight = 400): string {
  return `${weight} ${size}px ${theme.font}`;
}
