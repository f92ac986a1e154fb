import { describe, expect, it } from "vitest";
import { contrast, inkOn, lightness, ramp } from "../../../web/visualiser/draw/colour";
import {
  formatCount,
  formatNumber,
  formatPercent,
  formatSeconds,
  formatTick,
} from "../../../web/visualiser/draw/format";
import { boxAt, type LayerBox, layoutNetwork } from "../../../web/visualiser/draw/layout";
import { followDomain, logAxis, makeScale, paddedDomain } from "../../../web/visualiser/draw/scale";
import { arrangeMultiples } from "../../../web/visualiser/panels/multiples";
import { grid, layer, mlp } from "./generator";

describe("scales", () => {
  it("map and invert", () => {
    const linear = makeScale("linear", [0, 10], [100, 0]);
    expect(linear.at(2.5)).toBe(75);
    expect(linear.invert(75)).toBe(2.5);
    const log = makeScale("log", [0.01, 100], [0, 400]);
    expect(log.at(1)).toBeCloseTo(200);
    expect(log.invert(300)).toBeCloseTo(10);
  });

  it("log has a strip for 0 where it is asked for", () => {
    const scale = makeScale("log", [0.01, 100], [412, 0], true);
    expect([scale.at(0), scale.at(0.01), scale.at(1), scale.at(100)]).toEqual([412, 400, 200, 0]);
    expect([scale.invert(412), scale.invert(400)]).toEqual([0, 0.01]);
    expect(scale.ticks(5)).toEqual([0, 0.01, 0.1, 1, 10, 100]);
  });

  it("a log axis shows the smallest positive value, and 0 apart from it", () => {
    const all = { least: 1e-9, most: 1, zeros: true };
    expect(logAxis(all)).toMatchObject({ kind: "log", zeros: true });
    expect(logAxis(all).domain[0]).toBeLessThanOrEqual(1e-9);
    expect(logAxis({ least: 1e-30, most: 1, zeros: false }).domain[0]).toBeGreaterThan(1e-14);
    expect(logAxis({ least: Number.POSITIVE_INFINITY, most: 0, zeros: true })).toMatchObject({
      kind: "linear",
      domain: [0, 1],
    });
  });

  it("log clamps values that are not positive", () => {
    expect(makeScale("log", [0.1, 10], [0, 100]).at(0)).toBe(0);
    expect(makeScale("log", [0.1, 10], [0, 100]).at(-5)).toBe(0);
  });

  it("tick at round values inside the domain", () => {
    expect(makeScale("linear", [0, 2.3], [0, 1]).ticks(5)).toEqual([0, 0.5, 1, 1.5, 2]);
    expect(makeScale("linear", [-3, 3], [0, 1]).ticks(3)).toEqual([-2, 0, 2]);
    expect(makeScale("log", [0.0008, 12], [0, 1]).ticks(5)).toEqual([0.001, 0.01, 0.1, 1, 10]);
    expect(makeScale("log", [0.3, 2], [0, 1]).ticks(5)).toEqual([0.5, 1, 2]);
  });

  it("thin out powers of ten", () => {
    const ticks = makeScale("log", [1e-12, 1], [0, 1]).ticks(4);
    expect(ticks.length).toBeLessThanOrEqual(5);
    expect(ticks[0]).toBe(1e-12);
  });

  it("pad a constant", () => {
    const [low, high] = paddedDomain("linear", [3, 3]);
    expect(low).toBeLessThan(3);
    expect(high).toBeGreaterThan(3);
    const [least, most] = paddedDomain("log", [2, 2]);
    expect(least).toBeGreaterThan(0);
    expect(most / least).toBeGreaterThan(3);
  });

  it("follow a domain: growing at once, shrinking slowly", () => {
    expect(followDomain("linear", [0, 1], [-1, 4], 0.1)).toEqual([-1, 4]);
    expect(followDomain("linear", [0, 10], [0, 5], 0.1)).toEqual([0, 9.5]);
    expect(followDomain("linear", undefined, [2, 3], 0.1)).toEqual([2, 3]);
  });
});

describe("formatted numbers", () => {
  it("name NaN and infinity", () => {
    expect([Number.NaN, Number.NEGATIVE_INFINITY, undefined, null].map((value) => formatNumber(value))).toEqual([
      "NaN",
      "−∞",
      "–",
      "–",
    ]);
    expect(formatPercent(Number.NaN)).toBe("NaN");
  });

  it("keep significant digits", () => {
    expect([0, 0.0012345, 12.345, -3, 1234567, 4.2e-7].map((value) => formatNumber(value))).toEqual([
      "0",
      "0.00123",
      "12.3",
      "−3.00",
      "1.23e6",
      "4.20e−7",
    ]);
  });

  it("label ticks briefly", () => {
    expect([0, 0.5, 200, 20_000, 3e6, 1e-5, 2e-4, -1e-3].map(formatTick)).toEqual([
      "0",
      "0.5",
      "200",
      "20k",
      "3M",
      "10⁻⁵",
      "2·10⁻⁴",
      "−0.001",
    ]);
  });

  it("group thousands and format durations", () => {
    expect(formatCount(1234567)).toBe("1\u202f234\u202f567");
    expect([0.84, 42, 200, 3900].map(formatSeconds)).toEqual([
      "0.8\u202fs",
      "42\u202fs",
      "3\u202fmin 20\u202fs",
      "1\u202fh 5\u202fmin",
    ]);
  });
});

describe("colours", () => {
  it.each(["light", "dark"] as const)("sequential lightness is monotonic (%s)", (mode) => {
    const steps = ramp("sequential", mode).map(lightness);
    const away = mode === "light" ? -1 : 1;
    for (let index = 8; index < steps.length; index += 8) {
      expect(((steps[index] ?? 0) - (steps[index - 8] ?? 0)) * away).toBeGreaterThan(0);
    }
  });

  it.each(["light", "dark"] as const)("diverging ends are equally far from the middle (%s)", (mode) => {
    const steps = ramp("diverging", mode).map(lightness);
    const [first, middle, last] = [steps[0] ?? 0, steps[128] ?? 0, steps[255] ?? 0];
    expect(Math.abs(Math.abs(first - middle) - Math.abs(last - middle))).toBeLessThan(0.06);
    expect(Math.abs(first - middle)).toBeGreaterThan(0.4);
  });

  it("text on any of them is legible (WCAG AA, 4.5)", () => {
    for (const mode of ["light", "dark"] as const) {
      for (const kind of ["sequential", "diverging"] as const) {
        for (const colour of ramp(kind, mode)) expect(contrast(colour, inkOn(colour))).toBeGreaterThanOrEqual(4.5);
      }
    }
  });
});

const inside = (inner: LayerBox, outer: LayerBox): boolean =>
  inner.x >= outer.x &&
  inner.y >= outer.y &&
  inner.x + inner.width <= outer.x + outer.width &&
  inner.y + inner.height <= outer.y + outer.height;

const apart = (one: LayerBox, other: LayerBox): boolean =>
  one.x + one.width <= other.x ||
  other.x + other.width <= one.x ||
  one.y + one.height <= other.y ||
  other.y + other.height <= one.y;

describe("the network's layout", () => {
  it.each([1200, 900, 360])("boxes never overlap partially, at %i pixels", (width) => {
    for (const blueprint of [mlp(), grid()]) {
      const { boxes } = layoutNetwork(blueprint, width);
      for (const one of boxes) {
        for (const other of boxes) {
          if (one.index < other.index) expect(apart(one, other) || inside(other, one)).toBe(true);
        }
      }
    }
  });

  it("numbers boxes as statistics do: depth first, parents before children", () => {
    expect(layoutNetwork(grid(), 1200).boxes.map(({ index }) => index)).toEqual(
      Array.from({ length: 16 }, (_, index) => index),
    );
  });

  it("puts layers into one line where there is room, else into several", () => {
    const lines = (width: number) => new Set(layoutNetwork(mlp(), width).boxes.map(({ y }) => y)).size;
    expect(lines(1200)).toBe(1);
    expect(lines(390)).toBe(3);
  });

  it("puts branches side by side and sequences from top to bottom", () => {
    const { boxes } = layoutNetwork(grid(), 1200);
    const [branch0, branch1] = [boxes[11], boxes[12]];
    const [first, second] = [boxes[5], boxes[6]];
    expect(branch0?.y).toBe(branch1?.y);
    expect(first?.x).toBe(second?.x);
    expect((second?.y ?? 0) - (first?.y ?? 0)).toBeGreaterThan(0);
  });

  it("finds the innermost box at a point", () => {
    const layout = layoutNetwork(grid(), 1200);
    const child = layout.boxes[5];
    expect(child && boxAt(layout, child.x + 2, child.y + 2)?.index).toBe(5);
    expect(boxAt(layout, -5, -5)).toBeUndefined();
  });

  it("handles a network without layers", () => {
    const empty = { ...mlp(), layers: [] };
    expect(layoutNetwork(empty, 500).boxes).toEqual([]);
    expect(layoutNetwork({ ...mlp(), layers: [layer("0", "Dense", [2, 2])] }, 500).links).toEqual([]);
  });
});

describe("small multiples", () => {
  it("stay inside their width, whatever their number", () => {
    for (const width of [320, 700, 1400]) {
      for (const count of [1, 4, 16]) {
        const { multiples, height } = arrangeMultiples(count, width, true);
        expect(multiples).toHaveLength(count);
        for (const { outputs, gradients } of multiples) {
          expect(outputs.x + outputs.width).toBeLessThanOrEqual(width);
          expect(gradients.y + gradients.height).toBeLessThanOrEqual(height);
        }
      }
    }
  });
});
