import { describe, expect, it } from "vitest";
import { OUTPUT } from "../../../web/visualiser/data/layer-state";
import { RAW, RunModel } from "../../../web/visualiser/data/run-model";
import { StepRate } from "../../../web/visualiser/data/step-rate";
import { colourDomain } from "../../../web/visualiser/draw/layer-colours";
import { statistic } from "../../../web/visualiser/draw/layer-statistics";
import { describeAnomaly } from "../../../web/visualiser/panels/banner";
import { passRows } from "../../../web/visualiser/panels/layer-card";
import { grid, makeRun, mlp, statsMessage, trainingMessage } from "./generator";

function modelOf(steps: number, divergesAt?: number, blueprint = mlp()): RunModel {
  const model = new RunModel();
  const options = divergesAt === undefined ? {} : { divergesAt };
  let now = 0;
  for (const messages of makeRun({ blueprint, steps, ...options })) {
    for (const message of messages) model.push(message, now);
    now += 10;
  }
  return model;
}

describe("RunModel", () => {
  it("sorts rows into layers and events into curves", () => {
    const model = modelOf(100);
    expect(model.layers).toHaveLength(5);
    expect(model.trainLoss.view("run").length).toBe(100);
    expect(model.validationLoss.view("run").length).toBe(2);
    expect(model.layers[0]?.outputs.view("run").length).toBe(100);
    expect(model.latest.step).toBe(100);
    expect(model.rate.stepsPerSecond()).toBeCloseTo(100);
  });

  it("numbers nested layers as the flattened blueprint does", () => {
    const model = modelOf(1, undefined, grid());
    expect(model.layers[5]?.node.info.path).toBe("4.layers.0");
    expect(model.layers[5]?.node.parent).toBe(4);
  });

  it("shows a diverged loss as a marked gap and an anomaly", () => {
    const model = modelOf(20, 11);
    const loss = model.trainLoss.view("run");
    expect(loss.bad(9, RAW)).toBe(0);
    expect(loss.bad(10, RAW)).toBe(1);
    expect(loss.mid(10, RAW)).toBeNaN();
    expect(model.latest.trainLoss).toBeNaN();
    expect(model.anomalies).toHaveLength(1); // the trainer's report replaces the inferred one
    expect(model.anomalies[0]?.path).toBe("0");
    expect(model.layers[0]?.nonFinite).toBeGreaterThan(0);
  });

  it("infers an anomaly from a NaN loss when none is reported", () => {
    const model = new RunModel();
    model.push({ kind: "blueprint", blueprint: mlp() }, 0);
    model.push(trainingMessage([{ type: "batch_end", step: 3, loss: Number.NaN }]), 0);
    expect(model.anomalies[0]?.text).toContain("not a number");
  });

  it("marks the loss of a failed step, which has no batch_end", () => {
    const model = modelOf(5);
    model.push({ kind: "anomaly", event: { step: 5, path: "1", text: "NaN", loss: Number.NaN } }, 0);
    const loss = model.trainLoss.view("run");
    expect(loss.bad(loss.length - 1, RAW)).toBe(1);
  });

  it("continues with the same network observed again, starts over with another", () => {
    const model = modelOf(10);
    model.push({ kind: "blueprint", blueprint: mlp() }, 0);
    expect(model.trainLoss.view("run").length).toBe(10);
    model.push({ kind: "blueprint", blueprint: grid() }, 0);
    expect(model.trainLoss.view("run").length).toBe(0);
    expect(model.layers).toHaveLength(16);
  });

  it("starts over when steps decrease", () => {
    const model = modelOf(10);
    model.push(trainingMessage([{ type: "batch_end", step: 1, loss: 2 }]), 0);
    expect(model.trainLoss.view("run").length).toBe(1);
  });

  it("stays the same run while steps start ahead of those that end", () => {
    const model = modelOf(10);
    for (const step of [11, 12, 13]) {
      const started = { type: "batch_start", step: step + 2 };
      model.push(trainingMessage([started, { type: "batch_end", step, loss: 1 }]), step);
    }
    expect(model.trainLoss.view("run").length).toBe(13);
    expect(model.latest.step).toBe(13);
  });

  it("leaves a prediction between two steps out of the charts", () => {
    const model = modelOf(10);
    const before = model.layers[0]?.forward;
    model.push(statsMessage([{ step: 10, layer: 0, phase: 0, output_mean: 7, output_std: 0 }]), 0);
    expect(model.layers[0]?.forward).toBe(before);
    expect(model.layers[0]?.outputs.view("run").length).toBe(10);
  });

  it("colours a network that only predicts", () => {
    const model = new RunModel();
    model.push({ kind: "blueprint", blueprint: mlp() }, 0);
    model.push(statsMessage([{ step: 0, layer: 1, phase: 0, output_mean: 7, output_std: 2 }]), 0);
    expect(model.layers[1]?.forward?.value("output_std")).toBe(2);
  });

  it("ignores rows of layers that are not in the blueprint", () => {
    const model = modelOf(2);
    expect(() =>
      model.push(
        statsMessage([
          { step: 3, layer: 99, phase: 0 },
          { step: 3, phase: 1 },
        ]),
        0,
      ),
    ).not.toThrow();
  });

  it("holds mean ± std over steps", () => {
    const rows = modelOf(3).layers[0]?.outputs.view("run");
    const mean = rows?.mid(2, OUTPUT.mean) ?? 0;
    expect((rows?.mid(2, OUTPUT.high) ?? 0) - mean).toBeCloseTo(mean - (rows?.mid(2, OUTPUT.low) ?? 0), 5);
  });
});

describe("statistics", () => {
  it("time shares of top-level layers add up to 1", () => {
    const { layers } = modelOf(5, undefined, grid());
    const shares = layers.filter(({ node }) => node.parent === undefined);
    const total = shares.reduce((sum, layer) => sum + statistic("time_share").value(layer, layers), 0);
    expect(total).toBeCloseTo(1);
  });

  it("an unknown name is refused with the known ones", () => {
    expect(() => statistic("colour" as "output_std")).toThrow(/expected one of output_std.*got "colour"/);
  });

  it("domains: fixed, around zero, from zero; none without data", () => {
    expect(colourDomain(statistic("zero_fraction"), [0.2, 0.3])).toEqual([0, 1]);
    expect(colourDomain(statistic("output_mean"), [-0.5, 2])).toEqual([-2, 2]);
    expect(colourDomain(statistic("output_std"), [0.5, 2])).toEqual([0, 2]);
    expect(colourDomain(statistic("output_std"), [Number.NaN])).toBeUndefined();
    const [low, high] = colourDomain(statistic("gradient_norm"), [0, 1, 1.1]) ?? [0, 0];
    expect(low).toBeGreaterThan(0);
    expect(high / low).toBeCloseTo(10);
  });
});

describe("texts", () => {
  it("describe an anomaly with its place and the number of later ones", () => {
    const model = modelOf(3);
    const anomaly = { step: 1312, path: "2", text: "The gradient is NaN.", inferred: false };
    expect(describeAnomaly(anomaly, 2, model)).toBe(
      "The gradient is NaN (step 1\u202f312, Layer 2 · Dense). 2 more since.",
    );
    const placed = { ...anomaly, text: "layer 2 (Dense) gave 8 NaN" };
    expect(describeAnomaly(placed, 0, model)).toBe("Layer 2 (Dense) gave 8 NaN (step 1\u202f312).");
    expect(describeAnomaly({ step: undefined, path: undefined, text: "Odd", inferred: false }, 0, model)).toBe("Odd.");
  });

  it("list both passes of a layer, absent values as a dash", () => {
    const softmax = modelOf(2).layers[4];
    const rows = new Map(softmax && passRows(softmax).map(([label, ...values]) => [label, values]));
    expect(rows.get("Weight norm")).toEqual(["–", "–"]);
    expect(rows.get("NaN")).toEqual(["0", "0"]);
  });
});

describe("StepRate", () => {
  it("excludes pauses from time and rate", () => {
    const rate = new StepRate();
    rate.push(1000, 1);
    rate.push(2000, 101);
    rate.setRunning(false, 2000);
    expect(rate.elapsedSeconds(9000)).toBe(1);
    expect(rate.stepsPerSecond()).toBeCloseTo(100);
    rate.setRunning(true, 60_000);
    rate.push(60_000, 102);
    rate.push(61_000, 152);
    expect(rate.elapsedSeconds(61_000)).toBe(2);
    expect(rate.stepsPerSecond()).toBeCloseTo(50);
  });
});
