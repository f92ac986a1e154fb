import { defineConfig } from "vitest/config";
import { vulkanEnvironment } from "./build/vulkan.mjs";

const GPU = "tests/web/gpu/**/*.test.ts";
const shared = { environment: "node", testTimeout: 30_000 } as const;

export default defineConfig({
  test: {
    // Two cores: a booted Pyodide a file is heavy, so files take turns.
    maxWorkers: 2,
    projects: [
      { test: { ...shared, name: "web", include: ["tests/web/**/*.test.ts"], exclude: [GPU] } },
      {
        test: {
          ...shared,
          name: "gpu",
          include: [GPU],
          pool: "forks", // drivers are found by the environment that a process starts with
          env: vulkanEnvironment() ?? {},
          fileParallelism: false, // a software renderer uses all cores
        },
      },
    ],
  },
});
