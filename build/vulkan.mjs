// A Vulkan driver for tests without a GPU: an installed one, else Chromium's SwiftShader.

import { existsSync, readdirSync, realpathSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { chromiumPath } from "./chromium.mjs";

const INSTALLED = ["/usr/share/vulkan/icd.d", "/etc/vulkan/icd.d"];
const DEBIAN = "/usr/lib/chromium"; // its /usr/bin/chromium is a script

/** Environment variables that give a new process a driver; undefined if there is none. */
export function vulkanEnvironment() {
  if (process.env.VK_ICD_FILENAMES) return {};
  if (INSTALLED.some((folder) => existsSync(folder) && readdirSync(folder).some((name) => name.endsWith(".json")))) {
    return {};
  }
  const path = chromiumPath();
  const folders = [...(path ? [dirname(realpathSync(path))] : []), DEBIAN];
  const folder = folders.find((name) => existsSync(join(name, "vk_swiftshader_icd.json")));
  if (!folder) return undefined;
  return {
    VK_ICD_FILENAMES: join(folder, "vk_swiftshader_icd.json"),
    LD_LIBRARY_PATH: [folder, process.env.LD_LIBRARY_PATH].filter(Boolean).join(delimiter),
  };
}
