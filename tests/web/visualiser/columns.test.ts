import { describe, expect, it } from "vitest";
import { decimate, extent, lowerBound, nearestRow, positiveExtent } from "../../../web/visualiser/data/decimate";
import { Smoother } from "../../../web/visualiser/data/history";
import { ColumnRing } from "../../../web/visualiser/data/ring";
import { Timeline } from "../../../web/visualiser/data/timeline";
import { seeded } from "./generator";

describe("ColumnRing", () => {
  it("keeps the latest rows in order", () => {
    const ring = new ColumnRing(2, 3);
    for (let step = 1; step <= 5; step++) ring.push(step, step * 10, -step);
    expect(ring.length).toBe(3);
    expect([0, 1, 2].map((row) => ring.x(row))).toEqual([3, 4, 5]);
    expect([0, 1, 2].map((row) => ring.mid(row, 0))).toEqual([30, 40, 50]);
    expect(ring.mid(2, 1)).toBe(-5);
  });

  it("counts non-finite values and gives NaN for them", () => {
    const ring = new ColumnRing(1, 4);
    for (const value of [1, Number.NaN, Number.POSITIVE_INFINITY]) ring.push(0, value);
    expect([0, 1, 2].map((row) => ring.bad(row, 0))).toEqual([0, 1, 1]);
    expect(ring.mid(2, 0)).toBeNaN();
  });

  it("amends the latest row", () => {
    const ring = new ColumnRing(1, 2);
    for (const step of [1, 2, 3]) ring.push(step, step);
    ring.amend(9);
    expect([ring.mid(0, 0), ring.mid(1, 0)]).toEqual([2, 9]);
  });

  it("refuses a capacity of no rows", () => {
    expect(() => new ColumnRing(1, 0)).toThrow("expected at least 1 row, got 0");
  });
});

describe("Timeline", () => {
  it("holds single measurements until it is full", () => {
    const timeline = new Timeline(1, 4);
    for (let step = 0; step < 4; step++) timeline.push(step, step);
    expect(timeline.stride).toBe(1);
    expect([0, 1, 2, 3].map((row) => timeline.mid(row, 0))).toEqual([0, 1, 2, 3]);
  });

  it("keeps the whole run, its extremes and its NaN, in bounded memory", () => {
    const random = seeded(3);
    const timeline = new Timeline(1, 64);
    const values = Array.from({ length: 10_000 }, (_, step) => (step === 4321 ? Number.NaN : random()));
    values[777] = 50;
    values[9000] = -50;
    values.forEach((value, step) => {
      timeline.push(step, value);
    });
    const rows = Array.from({ length: timeline.length }, (_, row) => row);
    expect(timeline.length).toBeLessThanOrEqual(64);
    expect(Math.max(...rows.map((row) => timeline.high(row, 0)))).toBe(50);
    expect(Math.min(...rows.map((row) => timeline.low(row, 0)))).toBe(-50);
    expect(rows.reduce((sum, row) => sum + timeline.bad(row, 0), 0)).toBe(1);
    expect(timeline.x(timeline.length - 1)).toBe(9999);
    for (const row of rows.slice(1)) expect(timeline.x(row)).toBeGreaterThan(timeline.x(row - 1));
  });

  it("means of merged rows are means of their measurements", () => {
    const timeline = new Timeline(1, 8);
    for (let step = 0; step < 32; step++) timeline.push(step, step);
    expect(timeline.stride).toBe(4);
    expect(timeline.mid(0, 0)).toBeCloseTo(1.5);
    expect(timeline.mid(7, 0)).toBeCloseTo(29.5);
  });

  it("a row of NaN only has no value", () => {
    const timeline = new Timeline(1, 2);
    for (const value of [Number.NaN, Number.NaN, 1, 3]) timeline.push(0, value);
    expect(timeline.mid(0, 0)).toBeNaN();
    expect(timeline.bad(0, 0)).toBe(2);
    expect(timeline.mid(1, 0)).toBe(2);
  });
});

describe("decimate", () => {
  it.each([
    ["a ring", () => new ColumnRing(1, 50)],
    ["a timeline", () => new Timeline(1, 64)],
  ])("updated with new rows of %s equals a full reduction", (_, make) => {
    const random = seeded(3);
    const [grown, values] = [make(), [] as number[]];
    for (let step = 0; step < 700; step++) {
      values.push(random() < 0.05 ? Number.NaN : random());
      grown.push(step, values.at(-1) ?? 0);
      if (random() < 0.4) continue; // several rows per frame
      const to = 40 * Math.ceil((step + 1) / 40); // the domain stays the same for a while
      const fresh = make();
      values.forEach((value, at) => {
        fresh.push(at, value);
      });
      const [reduced, whole] = [decimate(grown, 0, 0, to, 90), decimate(fresh, 0, 0, to, 90)];
      for (const key of ["low", "high", "mid", "count", "bad"] as const) expect(reduced[key]).toEqual(whole[key]);
    }
  });

  const rowsOf = (values: readonly number[]) => {
    const ring = new ColumnRing(1, values.length);
    values.forEach((value, step) => {
      ring.push(step, value);
    });
    return ring;
  };

  it("keeps a spike of one step", () => {
    const values = Array.from({ length: 5000 }, () => 1);
    values[2500] = 99;
    const reduced = decimate(rowsOf(values), 0, 0, 4999, 100);
    expect(Math.max(...reduced.high)).toBe(99);
    expect(reduced.count.reduce((sum, count) => sum + count, 0)).toBe(5000);
  });

  it("marks NaN instead of drawing it as 0", () => {
    const reduced = decimate(rowsOf([1, Number.NaN, 3]), 0, 0, 2, 3);
    expect([...reduced.mid]).toEqual([1, Number.NaN, 3]);
    expect([...reduced.bad]).toEqual([0, 1, 0]);
  });

  it("leaves out rows outside of the domain", () => {
    const reduced = decimate(rowsOf([5, 6, 7, 8]), 0, 1, 2, 2);
    expect([...reduced.mid]).toEqual([6, 7]);
  });

  it("the positive extent leaves zeros out and says that there are some", () => {
    const part = decimate(rowsOf([0, 1e-9, 4]), 0, 0, 2, 3);
    expect(positiveExtent(part)).toEqual({ least: expect.closeTo(1e-9), most: 4, zeros: true });
    expect(positiveExtent(decimate(rowsOf([0, 6]), 0, 0, 1, 1)).least).toBe(3); // one pixel: the mean
    expect(positiveExtent(decimate(rowsOf([2]), 0, 0, 0, 1)).zeros).toBe(false);
    expect(positiveExtent(decimate(rowsOf([0]), 0, 0, 0, 1))).toMatchObject({ most: 0, zeros: true });
  });

  it("extent is over finite values, and absent without any", () => {
    const part = decimate(rowsOf([2, Number.NaN, -1]), 0, 0, 2, 3);
    expect(extent(part)).toEqual([-1, 2]);
    expect(extent(part, decimate(rowsOf([7]), 0, 0, 0, 3))).toEqual([-1, 7]);
    expect(extent(decimate(rowsOf([Number.NaN]), 0, 0, 0, 3))).toBeUndefined();
  });

  it("reads a ring that has wrapped around, and a merged timeline", () => {
    const ring = new ColumnRing(1, 4);
    const timeline = new Timeline(1, 4);
    for (let step = 0; step < 6; step++) {
      ring.push(step, step);
      timeline.push(step, step);
    }
    expect([...decimate(ring, 0, 2, 5, 4).mid]).toEqual([2, 3, 4, 5]);
    expect(extent(decimate(timeline, 0, 0, 5, 6))).toEqual([0, 5]);
  });

  it("finds rows by x", () => {
    const ring = rowsOf([0, 0, 0, 0]);
    expect(lowerBound(ring, 1.5)).toBe(2);
    expect(nearestRow(ring, 1.4)).toBe(1);
    expect(nearestRow(ring, 99)).toBe(3);
    expect(nearestRow(new ColumnRing(1, 1), 0)).toBe(-1);
  });
});

describe("Smoother", () => {
  it("starts at the first value, not at 0", () => {
    expect(new Smoother(0.99).next(5)).toBeCloseTo(5);
  });

  it("gives NaN for NaN and ignores it afterwards", () => {
    const [with_, without] = [new Smoother(0.9), new Smoother(0.9)];
    for (const value of [1, 2]) {
      with_.next(value);
      without.next(value);
    }
    expect(with_.next(Number.NaN)).toBeNaN();
    expect(with_.next(3)).toBe(without.next(3));
  });
});
