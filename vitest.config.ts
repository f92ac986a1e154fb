import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["tests/web/**/*.test.ts"],
    environment: "node",
    // Two cores: a booted Pyodide a file is heavy, so files take turns.
    maxWorkers: 2,
    testTimeout: 30_000,
  },
});
