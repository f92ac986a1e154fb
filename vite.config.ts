import { defineConfig } from "vite";
import { pyodideFolder } from "./build/pyodide-plugin.mjs";

export default defineConfig({
  root: "web/demo",
  // Relative addresses: the built page runs from any folder of any static host.
  base: "./",
  plugins: [pyodideFolder()],
  worker: { format: "es" },
  build: { outDir: "../../dist", emptyOutDir: true, target: "es2022", sourcemap: true },
  server: { host: "127.0.0.1", port: 5173, fs: { allow: ["../.."] } },
  preview: { host: "127.0.0.1", port: 5173 },
});
