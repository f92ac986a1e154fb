import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { expect, test } from "@playwright/test";
import { PYTHON, ROOT } from "../../build/lib.mjs";

/** A run of a network with vanishing gradients, as one HTML file. */
const RUN = `
import sys
import numpy as np
import loom_py as loom

x = np.random.default_rng(0).normal(size=(256, 8))
hidden = [loom.Dense(8, 8, "sigmoid") for _ in range(7)]
net, recording = loom.Network.of(8, [*hidden, loom.Dense(8, 2)], seed=0), loom.RecordingObserver()
net.set_observer(recording)
net.fit(x, (x[:, 0] > 0).astype(int), epochs=30, learning_rate=0.1)
page = recording.to_html(title="Seven sigmoid layers")
open(sys.argv[1], "w", encoding="utf-8").write(page)
`;

test("a recording as a file shows the run and its findings, and replays it, with nothing loaded", async ({ page }) => {
  const folder = mkdtempSync(join(tmpdir(), "loom-recording-"));
  const file = join(folder, "run.html");
  execFileSync(PYTHON, ["-c", RUN, file], { cwd: ROOT });
  const errors: string[] = [];
  const loaded: string[] = [];
  page.on("pageerror", (error) => errors.push(error.message));
  page.on("request", (request) => loaded.push(request.url()));
  await page.goto(pathToFileURL(file).href);

  await expect(page.getByRole("heading", { level: 1 })).toHaveText("Seven sigmoid layers");
  await expect(page.getByLabel("Findings").getByRole("listitem").first()).toContainText("vanishing in layer 0");
  const slider = page.getByRole("slider", { name: "Step of the run" });
  const step = page.getByRole("region", { name: "Key figures of the run" }).locator("dd").first();
  await expect(slider).toHaveAttribute("aria-valuetext", "step 240 of 240");
  await expect(step).toHaveText("240");

  await slider.fill("0"); // back: the run starts over
  await expect(step).toHaveText("1");
  await page.getByRole("button", { name: "Play" }).click();
  await expect(page.getByRole("button", { name: "Pause" })).toBeVisible();
  await expect.poll(async () => Number(await step.textContent())).toBeGreaterThan(20);
  await page.getByRole("button", { name: "Pause" }).click();
  const paused = await step.textContent();
  await page.waitForTimeout(300);
  expect(await step.textContent()).toBe(paused);

  expect(errors).toEqual([]);
  expect(loaded.filter((url) => !url.startsWith("file:") && !url.startsWith("blob:"))).toEqual([]);
  rmSync(folder, { recursive: true });
});
