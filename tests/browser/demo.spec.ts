import { readFileSync } from "node:fs";
import { chromium, expect, type Locator, type Page, test } from "@playwright/test";
import { CHROMIUM_FLAGS, chromiumPath } from "../../build/chromium.mjs";

/** Points of a pen line, in units of the drawing pad's width. */
type Line = readonly (readonly [number, number])[];

const ZERO: Line = Array.from({ length: 25 }, (_, index) => {
  const angle = (index / 24) * 2 * Math.PI - Math.PI / 2;
  return [0.5 + 0.2 * Math.cos(angle), 0.55 + 0.36 * Math.sin(angle)] as const;
});
const TWO: Line = [
  [0.3, 0.3],
  [0.4, 0.18],
  [0.6, 0.18],
  [0.7, 0.32],
  [0.62, 0.52],
  [0.3, 0.95],
  [0.75, 0.95],
];
const FOUR: Line = [
  [0.5, 0.1],
  [0.25, 0.6],
  [0.75, 0.6],
  [0.6, 0.4],
  [0.55, 1],
];

const errors: string[] = [];

test.beforeEach(({ page }) => {
  errors.length = 0;
  page.on("pageerror", (error) => errors.push(error.message));
});

async function open(page: Page): Promise<void> {
  await page.goto("/");
  await expect(page.locator("#main, #failure").filter({ visible: true })).toHaveId("main", { timeout: 60_000 });
  await expect(page.locator("#held-out")).toContainText("%"); // the untrained network has been scored
}

const reading = (page: Page, label: string): Locator =>
  page.locator(".lv-readout div", { has: page.getByText(label, { exact: true }) }).locator("dd");

async function stepsOf(page: Page): Promise<number> {
  return Number((await reading(page, "Step").innerText()).replace(/\D/g, "") || 0);
}

async function heldOut(page: Page): Promise<number> {
  return Number.parseFloat(await page.locator("#held-out").innerText());
}

/** Training loss from the chart's label for screen readers. */
async function trainLoss(page: Page): Promise<number> {
  const label = (await page.getByRole("img", { name: /^Loss at step/ }).getAttribute("aria-label")) ?? "";
  return Number(/training ([\d.]+(?:e−?\d+)?)/.exec(label)?.[1]?.replace("−", "-"));
}

const choose = (page: Page, label: string, value: string): Promise<string[]> =>
  page.locator("#controls").getByRole("combobox", { name: label }).selectOption(value);

const fill = (page: Page, label: string, value: string): Promise<void> =>
  page.locator("#controls").getByRole("textbox", { name: label }).fill(value);

const press = (page: Page, name: string): Promise<void> =>
  page.locator("#controls").getByRole("button", { name, exact: true }).click();

/** Pixels that have exactly a colour of the dashboard's: only lines have these, axes and text do not. */
function pixelsOf(canvas: Locator, token: string): Promise<number> {
  return canvas.evaluate((element, token) => {
    if (!(element instanceof HTMLCanvasElement)) throw new Error("expected a canvas");
    const colour = getComputedStyle(element).getPropertyValue(token).trim();
    const wanted = [1, 3, 5].map((start) => Number.parseInt(colour.slice(start, start + 2), 16));
    const data = element.getContext("2d")?.getImageData(0, 0, element.width, element.height).data ?? [];
    let found = 0;
    for (let at = 0; at < data.length; at += 4) {
      if (data[at] === wanted[0] && data[at + 1] === wanted[1] && data[at + 2] === wanted[2]) found++;
    }
    return found;
  }, token);
}

/** Saturated colours that cover at least a hundred pixels: the fills of layers' boxes. */
function fillsOf(canvas: Locator): Promise<number> {
  return canvas.evaluate((element) => {
    if (!(element instanceof HTMLCanvasElement)) throw new Error("expected a canvas");
    const data = element.getContext("2d")?.getImageData(0, 0, element.width, element.height).data ?? [];
    const counts = new Map<string, number>();
    for (let at = 0; at < data.length; at += 4) {
      const rgb = [data[at] ?? 0, data[at + 1] ?? 0, data[at + 2] ?? 0];
      if (data[at + 3] !== 255 || Math.max(...rgb) - Math.min(...rgb) < 12) continue;
      counts.set(rgb.join(), (counts.get(rgb.join()) ?? 0) + 1);
    }
    return [...counts.values()].filter((count) => count >= 100).length;
  });
}

async function draw(page: Page, line: Line): Promise<void> {
  await page.getByRole("button", { name: "Clear" }).click();
  const box = await page.locator("#drawing-pad").boundingBox();
  if (!box) throw new Error("expected a drawing pad on the page, found none");
  const at = ([x, y]: readonly [number, number]) => [box.x + x * box.width, box.y + y * box.width] as const;
  const [first, ...rest] = line.map(at);
  if (!first) return;
  await page.mouse.move(...first);
  await page.mouse.down();
  for (const point of rest) await page.mouse.move(...point, { steps: 4 });
  await page.mouse.up();
}

test("digits are learned to 95 % in under a minute, charted live, and drawn digits are classified", async ({
  page,
}, info) => {
  await open(page);
  expect(await heldOut(page)).toBeLessThan(35); // untrained
  expect(await pixelsOf(page.locator(".lv-curve").first(), "--lv-train")).toBe(0);
  // The predictions of the untrained network already colour its layers.
  await expect.poll(() => fillsOf(page.locator(".lv-network"))).toBeGreaterThanOrEqual(3);
  await fill(page, "Epochs", "25");
  await press(page, "Step");
  await expect.poll(() => stepsOf(page)).toBe(1);
  const before = await trainLoss(page);
  await press(page, "Resume");
  await expect.poll(() => heldOut(page), { timeout: 60_000 }).toBeGreaterThanOrEqual(95);
  expect(await trainLoss(page)).toBeLessThan(before / 2);
  await expect(page.locator("#state")).toHaveText("Finished", { timeout: 60_000 });

  const drawn = async (name: string, token: string) => {
    const canvas = page.locator(name);
    await canvas.scrollIntoViewIfNeeded();
    await expect.poll(() => pixelsOf(canvas, token), name).toBeGreaterThan(100);
  };
  for (const token of ["--lv-train", "--lv-validation"]) {
    await drawn(".lv-curve >> nth=0", token);
    await drawn(".lv-curve >> nth=1", token);
  }
  await drawn(".lv-multiples", "--lv-train");
  await drawn(".lv-multiples", "--lv-accent");
  expect(await fillsOf(page.locator(".lv-network"))).toBeGreaterThanOrEqual(3);
  await page.evaluate(() => scrollTo(0, 0));
  for (const [line, digit] of [
    [ZERO, 0],
    [TWO, 2],
    [FOUR, 4],
  ] as const) {
    await draw(page, line);
    await expect(page.locator("#verdict")).toHaveText(`Prediction: ${digit}.`);
  }
  await expect(page.locator("#bars .best .share")).toContainText("%");
  await expect(page.locator("#mistakes li").first()).toBeVisible();
  await page.evaluate(() => scrollTo(0, 0));
  await info.attach("dashboard", { body: await page.screenshot({ path: info.outputPath("dashboard.png") }) });
  expect(errors).toEqual([]);
});

test("a network trained with momentum is saved; loaded after a reload it predicts the same", async ({ page }) => {
  const answers = async () => {
    await draw(page, ZERO);
    await expect(page.locator("#verdict")).toContainText("Prediction: ");
    return [await page.locator("#bars").innerText(), await page.locator("#held-out").innerText()];
  };
  const load = async (buffer: Buffer) => {
    const choosing = page.waitForEvent("filechooser");
    await press(page, "Load");
    await (await choosing).setFiles({ name: "digits.safetensors", mimeType: "application/octet-stream", buffer });
  };
  await open(page);
  const untrained = await answers();
  await choose(page, "Optimizer", "sgd_momentum");
  await fill(page, "Epochs", "4");
  await press(page, "Start");
  await expect(page.locator("#state")).toHaveText("Finished", { timeout: 60_000 });
  await expect.poll(() => heldOut(page)).toBeGreaterThan(80);
  const trained = await answers();
  const saving = page.waitForEvent("download");
  await press(page, "Save");
  const saved = await saving;
  expect(saved.suggestedFilename()).toBe("digits.safetensors");
  const file = readFileSync(await saved.path());

  await page.reload();
  await open(page);
  expect(await answers()).toEqual(untrained);
  await load(file.subarray(0, file.length - 8));
  await expect(page.locator("#controls .hint")).toContainText("Refused: FileFormatError");
  expect(await answers()).toEqual(untrained);
  await load(file);
  await expect(page.locator("#state")).toHaveText("Loaded from a file");
  await expect(page.locator("#held-out")).toHaveText(trained[1] ?? "");
  expect(await answers()).toEqual(trained);
  await press(page, "Step");
  await expect.poll(() => stepsOf(page)).toBe(1);
  expect(errors).toEqual([]);
});

test("Pause stops all steps, Step does one, Reset starts over", async ({ page }) => {
  await open(page);
  await press(page, "Start");
  await expect.poll(() => stepsOf(page)).toBeGreaterThan(20);
  await press(page, "Pause");
  await expect(page.locator("#state")).toHaveText("Paused");
  // Steps in flight when the button was pressed still arrive; after those none may.
  await page.waitForTimeout(500);
  const held = await stepsOf(page);
  await page.waitForTimeout(800);
  expect(await stepsOf(page)).toBe(held);
  await press(page, "Step");
  await expect.poll(() => stepsOf(page)).toBe(held + 1);
  await press(page, "Resume");
  await expect.poll(() => stepsOf(page)).toBeGreaterThan(held + 20);
  await press(page, "Reset");
  await expect(page.locator("#state")).toHaveText("Ready");
  await expect(reading(page, "Step")).toHaveText("–");
  await expect.poll(() => heldOut(page)).toBeLessThan(35);
  expect(errors).toEqual([]);
});

test("a diverged run shows an anomaly message, and NaN in the chart and at the layers", async ({ page }) => {
  await open(page);
  await choose(page, "Optimizer", "sgd");
  await fill(page, "Learning rate", "1e30");
  await press(page, "Start");
  await expect(page.getByRole("alert").filter({ hasText: "Anomaly" })).toContainText(/NaN|infinite/);
  await expect(page.locator("#state")).toHaveText("Stopped by an anomaly");
  await expect(page.locator(".lv-key-train b").first()).toHaveText("NaN");
  await expect(page.locator("#controls .hint")).toContainText("Lower the learning rate");
  await page.getByRole("button", { name: "Dismiss" }).click();
  await expect(page.getByRole("alert").filter({ hasText: "Anomaly" })).toBeHidden();
});

const deviceText = (page: Page): Locator => page.locator("#controls .device");
const deviceChoice = (page: Page): Locator => page.getByRole("combobox", { name: "Device" });

test("the network moves to the GPU and back between steps with its weights, and the page reports it", async ({
  page,
}) => {
  await open(page);
  await press(page, "Step");
  await expect(deviceText(page)).toHaveText("Runs on WebAssembly: the only GPU here is a software renderer.");
  const untouched = await page.locator("#held-out").innerText();
  await choose(page, "Device", "webgpu");
  await expect(deviceText(page)).toHaveText("Runs on WebGPU, as chosen.");
  await press(page, "Resume");
  await expect(page.locator("#controls .hint")).toContainText("programs"); // its first step takes long
  await expect(page.locator("#state")).toHaveText("Preparing");
  await expect.poll(() => stepsOf(page), { timeout: 60_000 }).toBeGreaterThan(60);
  await expect(page.locator("#controls .hint")).toContainText("training digits");
  await press(page, "Pause");
  await page.waitForTimeout(500); // steps in flight arrive
  const held = await stepsOf(page);
  const learned = await heldOut(page);
  expect(learned).toBeGreaterThan(Number.parseFloat(untouched) + 30);
  await choose(page, "Device", "wasm");
  await expect(deviceText(page)).toHaveText("Runs on WebAssembly, as chosen.");
  await expect.poll(() => heldOut(page)).toBe(learned);
  expect(await stepsOf(page)).toBe(held);
  await press(page, "Step");
  await expect.poll(() => stepsOf(page)).toBe(held + 1);
  // Steps that the GPU started ahead did not start a new run: the chart still begins at the first step.
  const loss = page.locator(".lv-curve").first();
  await loss.press("Home");
  await expect(loss).toHaveAttribute("aria-label", /^Loss at step 1:/);
  expect(errors).toEqual([]);
});

test("a GPU lost during training costs no step, and the page reports it", async ({ page }) => {
  await page.route("**/worker-*.js", async (route) => {
    const response = await route.fetch();
    const lose = `{ const open = GPUAdapter.prototype.requestDevice;
      GPUAdapter.prototype.requestDevice = async function (...given) {
        const device = await open.apply(this, given);
        new BroadcastChannel("lose").onmessage = () => device.destroy();
        return device;
      }; }`;
    await route.fulfill({ response, body: `${lose}${await response.text()}` });
  });
  await open(page);
  await choose(page, "Device", "webgpu");
  await press(page, "Start");
  await expect.poll(() => stepsOf(page), { timeout: 60_000 }).toBeGreaterThan(3);
  await page.evaluate(() => new BroadcastChannel("lose").postMessage("now"));
  await expect(page.getByRole("alert").filter({ hasText: "Anomaly" })).toContainText("wasm takes over");
  await expect(deviceText(page)).toContainText("Runs on WebAssembly: the GPU was lost");
  await expect(deviceChoice(page)).toHaveValue("auto");
  await expect(page.locator("#state")).toHaveText("Finished", { timeout: 60_000 });
  expect(await stepsOf(page)).toBe(4500);
  expect(await heldOut(page)).toBeGreaterThanOrEqual(95);
  expect(errors).toEqual([]);
});

test("without a GPU its option is disabled, with the reason", async ({ baseURL }) => {
  const args = CHROMIUM_FLAGS.filter((flag) => !/webgpu|vulkan/i.test(flag));
  const executablePath = chromiumPath();
  const browser = await chromium.launch({ args, ...(executablePath ? { executablePath } : {}) });
  try {
    const page = await browser.newPage(baseURL ? { baseURL } : {});
    await open(page);
    await expect(deviceChoice(page).locator("option[value=webgpu]")).toBeDisabled();
    await expect(deviceChoice(page)).toHaveAttribute("title", /WebGPU is unavailable: no WebGPU in this page: /);
    await expect(deviceChoice(page)).toHaveAccessibleDescription(/^WebGPU is unavailable: no WebGPU in this page: /);
    await expect(deviceText(page)).toContainText("Runs on WebAssembly: no WebGPU in this page: ");
    await press(page, "Step");
    await expect.poll(() => stepsOf(page)).toBe(1);
  } finally {
    await browser.close();
  }
});

test("invalid settings are refused with a message; others make a new network", async ({ page }) => {
  await open(page);
  await fill(page, "Learning rate", "fast");
  await expect(page.locator("#controls .hint")).toContainText("Learning rate: enter a number");
  await expect(page.locator("#controls").getByRole("button", { name: "Start" })).toBeDisabled();
  await fill(page, "Learning rate", "0.01");
  await expect(page.locator("#controls").getByRole("button", { name: "Start" })).toBeEnabled();
  await choose(page, "Layers", "regularised");
  await expect(page.getByText("8 layers", { exact: false })).toBeVisible();
  await choose(page, "Activation", "tanh");
  await press(page, "Step");
  await expect.poll(() => stepsOf(page)).toBe(1);
  expect(errors).toEqual([]);
});

test("everything is accessible by keyboard and screen reader", async ({ page }) => {
  await open(page);
  await page.getByRole("button", { name: "Use an example" }).press("Enter");
  await expect(page.locator("#verdict")).toContainText(/Prediction: \d\. The true digit is \d\./);
  await press(page, "Step");
  await expect.poll(() => stepsOf(page)).toBe(1);

  const network = page.locator(".lv-network");
  await network.focus();
  await network.press("ArrowRight");
  await expect(page.locator(".lv-card")).toContainText("Layer 0 · Dense");
  await expect(page.locator(".lv-card")).toContainText("4\u202f160 parameters");
  await expect(network).toHaveAttribute("aria-label", /Layer 0 · Dense: Output std \d/);
  await network.press("Escape");
  await expect(page.locator(".lv-card")).toBeHidden();

  const fillOf = () => network.evaluate((canvas) => (canvas as HTMLCanvasElement).toDataURL());
  const byStd = await fillOf();
  await page.getByRole("combobox", { name: "Colour by" }).selectOption("gradient_norm");
  await expect.poll(fillOf).not.toBe(byStd);

  const loss = page.locator(".lv-curve").first();
  await loss.focus();
  await loss.press("Home");
  await expect(loss).toHaveAttribute("aria-label", /^Loss at step 1: training \d/);

  await page.getByText("Numbers as a table").click();
  const rows = page.locator(".lv-numbers table").nth(1).locator("tbody tr");
  await expect(rows).toHaveCount(4);
  await expect(rows.first()).toContainText(/Dense, relu[–\d]/);
});

test("loading shows progress from the start and never stalls", async ({ page }) => {
  let release = () => {};
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  await page.route("**/pyodide/*.wasm", async (route) => {
    await held;
    await route.continue();
  });
  await page.goto("/", { waitUntil: "commit" });
  await expect(page.locator("#loading")).toBeVisible();
  await expect(page.locator("#loading-text")).not.toBeEmpty();
  const detail = page.locator("#loading-detail");
  await expect(detail).toContainText(" s.");
  const first = await detail.innerText();
  await expect(detail).not.toHaveText(first); // the clock runs while nothing arrives
  release();
  await expect(page.locator("#main")).toBeVisible({ timeout: 60_000 });
  await expect(page.locator("#loading")).toBeHidden();
});

test("without Pyodide's files the page shows what happened and what to do", async ({ page }) => {
  await page.route("**/pyodide/**", (route) => route.fulfill({ status: 404, body: "not here" }));
  await page.goto("/");
  const failure = page.locator("#failure");
  await expect(failure).toBeVisible({ timeout: 30_000 });
  await expect(failure).toContainText("Python could not be downloaded");
  await expect(failure).toContainText("npm run setup");
  await expect(page.locator("#state")).toHaveText("Could not start");
  await expect(page.locator("#main")).toBeHidden();
  await page.unroute("**/pyodide/**");
  await page.getByRole("button", { name: "Try again" }).click();
  await expect(page.locator("#main")).toBeVisible({ timeout: 60_000 });
});

test("without WebAssembly the page shows what happened and what to do", async ({ page }) => {
  await page.route("**/worker-*.js", async (route) => {
    const response = await route.fetch();
    await route.fulfill({ response, body: `delete self.WebAssembly;${await response.text()}` });
  });
  await page.goto("/");
  await expect(page.locator("#failure")).toContainText("This browser can't run WebAssembly", { timeout: 30_000 });
  await expect(page.locator("#failure-advice")).toContainText("current version");
});

test("without the digits the page names the missing file", async ({ page }) => {
  await page.route("**/digits.bin", (route) => route.fulfill({ status: 404, body: "not here" }));
  await page.goto("/");
  await expect(page.locator("#failure")).toContainText("digits.bin: the server answered 404", { timeout: 60_000 });
});

for (const [width, height] of [
  [390, 844],
  [1280, 800],
] as const) {
  test(`nothing overflows at ${width} × ${height}`, async ({ page }) => {
    await page.setViewportSize({ width, height });
    await open(page);
    const over = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
    expect(over).toBeLessThanOrEqual(0);
  });
}
