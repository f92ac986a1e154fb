import { defineConfig } from "@playwright/test";
import { CHROMIUM_FLAGS, chromiumPath } from "./build/chromium.mjs";

const PORT = Number(process.env.LOOM_TEST_PORT ?? 5199);
const executablePath = chromiumPath();

export default defineConfig({
  testDir: "tests/browser",
  outputDir: "test-results/browser",
  // Two cores: one page that trains at a time, else the timings that people would feel are not seen.
  workers: 1,
  forbidOnly: Boolean(process.env.CI),
  timeout: 120_000,
  reporter: [["list"]],
  use: {
    baseURL: `http://127.0.0.1:${PORT}/`,
    browserName: "chromium",
    launchOptions: { args: [...CHROMIUM_FLAGS], ...(executablePath ? { executablePath } : {}) },
    screenshot: "only-on-failure",
    trace: "retain-on-failure",
  },
  webServer: {
    command: `node build/serve.mjs ${PORT}`,
    url: `http://127.0.0.1:${PORT}/`,
    timeout: 60_000,
  },
});
