// Finds or installs Chromium, and lists the flags that it needs without a screen.

import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import { BuildError, probe, step } from "./lib.mjs";

const NAMES = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
const PLACES = [
  "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
  "/Applications/Chromium.app/Contents/MacOS/Chromium",
  "C:\\Program Files\\Google\\Chrome\\Application\\chrome.exe",
  "C:\\Program Files (x86)\\Google\\Chrome\\Application\\chrome.exe",
];

/** For headless runs: no sandbox (containers run as root), no traffic of its own, WebGPU by SwiftShader. */
export const CHROMIUM_FLAGS = [
  "--no-sandbox",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--enable-unsafe-webgpu",
  "--enable-features=Vulkan",
  "--use-vulkan=swiftshader",
  "--use-webgpu-adapter=swiftshader",
];

/** The path of Chromium or Chrome, undefined if there is none. CHROMIUM overrides the search. */
export function chromiumPath() {
  const own = process.env.CHROMIUM;
  if (own) {
    if (!existsSync(own))
      throw new BuildError(`expected a browser at CHROMIUM=${own}, found none; do: correct or unset it`);
    return own;
  }
  const folders = (process.env.PATH ?? "").split(delimiter);
  const named = NAMES.flatMap((name) => folders.map((folder) => join(folder, name)));
  return [...named, ...PLACES].find((path) => existsSync(path));
}

/** Installs Debian's package if possible; otherwise the error says what to install. */
export async function installChromium() {
  const isRoot = process.getuid?.() === 0;
  if (!isRoot || !probe("apt-get", ["--version"]).ok) {
    throw new BuildError(
      "expected Chromium or Chrome for the browser tests, found none; " +
        "do: install one (on Debian: apt-get install chromium), or set CHROMIUM to its path",
    );
  }
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  await step("Debian's package lists", "apt-get", ["update", "-qq"], { env });
  await step("Chromium (Debian's package)", "apt-get", ["install", "-y", "-qq", "chromium"], { env });
  if (!chromiumPath())
    throw new BuildError(
      "expected chromium on the PATH after installing Debian's package, found none; do: set CHROMIUM to its path",
    );
}
