// Runs two cells of a notebook in JupyterLab and shows, as JSON, the steps that the dashboard had while the kernel was busy,
// at the end, and after the page was loaded again.

import { chromium } from "@playwright/test";
import { CHROMIUM_FLAGS, chromiumPath } from "../../build/chromium.mjs";

const [address] = process.argv.slice(2);
const STEP = ".lv-readout dd >> nth=0";
const browser = await chromium.launch({ executablePath: chromiumPath() || undefined, args: CHROMIUM_FLAGS });
const page = await browser.newPage({ viewport: { width: 1400, height: 1000 } });
const errors = [];
page.on("pageerror", (error) => errors.push(error.message));

async function open() {
  for (let attempt = 0; ; attempt++) {
    try {
      await page.goto(address);
      break;
    } catch (error) {
      if (attempt === 60) throw error;
      await page.waitForTimeout(500); // the server starts
    }
  }
  await page.locator(".jp-CodeCell").first().waitFor({ timeout: 60_000 });
  await page.getByText("| Idle").waitFor({ timeout: 60_000 });
}

const prompt = page.locator(".jp-CodeCell .jp-InputArea-prompt").nth(1);
await open();
await page.locator(".jp-CodeCell .cm-content").first().click();
await page.keyboard.press("Shift+Enter");
await page.keyboard.press("Shift+Enter");
const busy = [];
await page.locator(STEP).waitFor({ timeout: 60_000 });
while ((await prompt.textContent()) === "[*]:") {
  busy.push({ step: await page.locator(STEP).textContent() });
  await page.waitForTimeout(100);
}
await page.waitForTimeout(500);
const last = await page.locator(STEP).textContent();
await page.keyboard.press("Control+s");
await page.waitForTimeout(1000);
await open();
await page.waitForTimeout(3000);
const again = await page
  .locator(STEP)
  .textContent({ timeout: 10_000 })
  .catch((error) => error.message);
console.log(JSON.stringify({ errors, busy, last, again }));
await browser.close();
