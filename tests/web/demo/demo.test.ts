import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { type DeviceStatus, describeDevice, firstStepOn, isLost } from "../../../web/demo/device";
import { digitise, type Stroke } from "../../../web/demo/digitise";
import { type DigitsInfo, imageAt, parseDigits } from "../../../web/demo/digits";
import { describeFailure } from "../../../web/demo/failure";
import { LatestOnly } from "../../../web/demo/latest-only";
import { shareLoaded } from "../../../web/demo/loading";
import { argmax, scoreDigits } from "../../../web/demo/scoring";
import {
  DEFAULTS,
  networkConfig,
  PRESETS,
  problemWith,
  type Settings,
  trainingConfig,
} from "../../../web/demo/settings";

const folder = new URL("../../../web/demo/public/", import.meta.url);
const info = JSON.parse(readFileSync(new URL("digits.json", folder), "utf8")) as DigitsInfo;
const sets = parseDigits(info, readFileSync(new URL("digits.bin", folder)));

describe("the digits", () => {
  it("are 1,438 for training and 359 held out, with all ten classes balanced in both", () => {
    expect([sets.training.count, sets.heldOut.count]).toEqual([1438, 359]);
    for (const { labels } of [sets.training, sets.heldOut]) {
      const counts = Array.from({ length: 10 }, (_, digit) => labels.filter((label) => label === digit).length);
      expect(Math.max(...counts) / Math.min(...counts)).toBeLessThan(1.1);
    }
  });

  it("have pixels between 0 and 1", () => {
    expect(Math.max(...sets.training.images)).toBe(1);
    expect(Math.min(...sets.heldOut.images)).toBe(0);
  });

  it("of the wrong length are refused", () => {
    expect(() => parseDigits(info, new Uint8Array(10))).toThrow("expected 116805 bytes, got 10");
  });
});

const line = (...points: [number, number][]): Stroke => points;
const ONE = [line([0.5, 0.1], [0.5, 0.9])];
const SEVEN = [line([0.2, 0.1], [0.8, 0.1], [0.4, 0.9])];
const ZERO = [
  Array.from({ length: 33 }, (_, index): [number, number] => {
    const angle = (index / 32) * 2 * Math.PI;
    return [0.5 + 0.2 * Math.cos(angle), 0.5 + 0.35 * Math.sin(angle)];
  }),
];

describe("digitise", () => {
  it("is undefined without strokes", () => {
    expect(digitise([])).toBeUndefined();
  });

  it.each([
    ["one", ONE],
    ["seven", SEVEN],
    ["zero", ZERO],
  ])("a %s fills the height and has the ink of the data", (_, strokes) => {
    const image = digitise(strokes) ?? new Float32Array(64);
    const rows = Array.from({ length: 8 }, (_, row) => image.subarray(row * 8, row * 8 + 8).some((value) => value > 0));
    expect(rows).toEqual(Array(8).fill(true));
    expect(image.every((value) => value >= 0 && value <= 1)).toBe(true);
    const ink = image.reduce((sum, value) => sum + value, 0) / 64;
    expect(ink).toBeGreaterThan(0.25);
    expect(ink).toBeLessThan(0.36);
  });

  it("does not depend on where, or how large, the digit was drawn", () => {
    const moved = ZERO.map((stroke) => stroke.map(([x, y]): [number, number] => [x * 0.4 + 0.5, y * 0.4 + 0.1]));
    const [one, other] = [digitise(ZERO), digitise(moved)];
    const apart = one?.reduce((sum, value, index) => sum + Math.abs(value - (other?.[index] ?? 0)), 0) ?? 64;
    expect(apart).toBeLessThan(0.5);
  });

  it("handles a dot and a flat line", () => {
    for (const strokes of [[line([0.5, 0.5])], [line([0.1, 0.5], [0.9, 0.5])]]) {
      const image = digitise(strokes) ?? new Float32Array(0);
      expect(image.length).toBe(64);
      expect(image.every(Number.isFinite)).toBe(true);
      expect(Math.max(...image)).toBeGreaterThan(0);
    }
  });

  it("a drawn zero is nearer to the data's zeros than to any other digit", () => {
    const drawn = digitise(ZERO) ?? new Float32Array(64);
    const { training } = sets;
    const distance = (digit: number): number => {
      const mean = new Float32Array(64);
      let count = 0;
      for (let index = 0; index < training.count; index++) {
        if (training.labels[index] !== digit) continue;
        count++;
        imageAt(training, index).forEach((value, pixel) => {
          mean[pixel] = (mean[pixel] ?? 0) + value;
        });
      }
      return drawn.reduce((sum, value, pixel) => sum + (value - (mean[pixel] ?? 0) / count) ** 2, 0);
    };
    const distances = Array.from({ length: 10 }, (_, digit) => distance(digit));
    expect(distances.indexOf(Math.min(...distances))).toBe(0);
  });
});

describe("settings", () => {
  it.each(Object.keys(PRESETS))("preset %s is a chain from 64 to 10", (preset) => {
    const config = networkConfig({ ...DEFAULTS, preset: preset as Settings["preset"] });
    const dense = config.layers.filter((layer) => layer.type === "Dense");
    expect(dense[0]?.inputs).toBe(64);
    expect(dense.at(-1)?.outputs).toBe(10);
    for (const [index, layer] of dense.entries()) {
      if (index > 0) expect(layer.inputs).toBe(dense[index - 1]?.outputs);
    }
  });

  it("name what is invalid", () => {
    expect(problemWith(DEFAULTS)).toBeUndefined();
    expect(problemWith({ ...DEFAULTS, learningRate: Number.NaN })).toContain("Learning rate");
    expect(problemWith({ ...DEFAULTS, learningRate: -1 })).toContain("Learning rate");
    expect(problemWith({ ...DEFAULTS, epochs: 1.5 })).toContain("Epochs");
  });
});

describe("scoring", () => {
  it("finds mistakes, the most confident first", () => {
    const digits = { images: new Float32Array(0), labels: Uint8Array.of(0, 1, 1), count: 3, size: 64 };
    const score = scoreDigits(Float32Array.of(0.9, 0.1, 0.6, 0.4, 0.8, 0.2), digits, 2);
    expect(score.right).toBe(1);
    expect(score.mistakes.map(({ index, predicted }) => [index, predicted])).toEqual([
      [2, 0],
      [1, 0],
    ]);
  });

  it("NaN is never right", () => {
    expect(argmax([Number.NaN, Number.NaN])).toBe(-1);
    expect(argmax([Number.NaN, 0.3, 0.2])).toBe(1);
  });
});

describe("descriptions of failures", () => {
  const failure = (code: string, name = "LoomError") =>
    describeFailure(Object.assign(new Error("What happened."), { code, name }));

  it("advise by error code", () => {
    expect(failure("network").advice).toContain("network connection");
    expect(failure("no_webassembly").title).toContain("WebAssembly");
    expect(failure("shape", "ShapeError").text).toBe("ShapeError: What happened.");
  });

  it("cover any thrown value", () => {
    expect(describeFailure("odd").text).toBe("odd");
    expect(describeFailure(new Error("x")).details).toContain("Error: x");
  });
});

describe("the optimizer", () => {
  it("is named, or has options of its own", () => {
    expect(trainingConfig({ ...DEFAULTS, optimizer: "adam" }).optimizer).toBe("adam");
    expect(trainingConfig({ ...DEFAULTS, optimizer: "sgd_momentum" }).optimizer).toMatchObject({
      type: "SGD",
      momentum: 0.9,
    });
  });
});

describe("loading", () => {
  it("never goes back", () => {
    const half = shareLoaded({ phase: "runtime", loaded: 5, total: 10, text: "" }, 0);
    expect(shareLoaded({ phase: "runtime", loaded: 5, total: 20, text: "" }, half)).toBe(half);
    expect(shareLoaded({ phase: "ready", loaded: 0, total: null, text: "" }, half)).toBe(1);
  });
});

describe("LatestOnly", () => {
  it("runs the latest request and skips those in between", async () => {
    const done: number[] = [];
    let release = () => {};
    const latest = new LatestOnly<number>(
      async (request) => {
        await new Promise<void>((resolve) => {
          release = resolve;
        });
        done.push(request);
      },
      () => {},
    );
    for (const request of [1, 2, 3]) latest.ask(request);
    release();
    await new Promise((resolve) => setTimeout(resolve));
    release();
    await new Promise((resolve) => setTimeout(resolve));
    expect(done).toEqual([1, 3]);
  });

  it("continues after a failure", async () => {
    const seen: unknown[] = [];
    const latest = new LatestOnly<string>(
      (request) => Promise.reject(request),
      (error) => seen.push(error),
    );
    latest.ask("one");
    await new Promise((resolve) => setTimeout(resolve));
    latest.ask("two");
    await new Promise((resolve) => setTimeout(resolve));
    expect(seen).toEqual(["one", "two"]);
  });
});

describe("the text about the device", () => {
  const at = (device: string, reason: string, withoutGPU: string | null = null): DeviceStatus => ({
    device,
    reason,
    withoutGPU,
  });

  it("names what was chosen, what Auto measured, and why there is no GPU", () => {
    expect(describeDevice(at("webgpu", "webgpu was asked for"), "webgpu")).toBe("Runs on WebGPU, as chosen.");
    const measured = at("webgpu", "auto: a step takes 2 ms with webgpu and 9 ms with wasm");
    expect(describeDevice(measured, "auto")).toBe(
      "Runs on WebGPU: a step takes 2 ms with WebGPU and 9 ms with WebAssembly.",
    );
    expect(describeDevice(at("wasm", "auto was asked for"), "auto")).toBe(
      "Runs on WebAssembly: the first step tests the GPU.",
    );
    const none = at("wasm", "auto was asked for", "this browser has no WebGPU");
    expect(describeDevice(none, "auto")).toBe("Runs on WebAssembly: this browser has no WebGPU.");
  });

  it("never names a lost GPU as the device in use", () => {
    const resting = at("webgpu", "webgpu was asked for", "the GPU was lost: it is gone.");
    expect(isLost(resting, "webgpu")).toBe(true);
    expect(describeDevice(resting, "webgpu")).toBe(
      "The GPU was lost: it is gone. Training continues without it from the next step.",
    );
    expect(describeDevice({ ...resting, device: "wasm" }, "auto")).toBe(
      "Runs on WebAssembly: the GPU was lost: it is gone.",
    );
    expect(isLost(at("wasm", "", "no WebGPU"), "auto")).toBe(false);
  });

  it("explains a slow first step, where there is one", () => {
    expect(firstStepOn(at("webgpu", ""), "webgpu")).toContain("Compiling");
    expect(firstStepOn(at("wasm", ""), "auto")).toContain("measuring");
    expect(firstStepOn(at("wasm", ""), "wasm")).toBeUndefined();
    expect(firstStepOn(at("wasm", "", "no WebGPU"), "auto")).toBeUndefined();
  });
});
