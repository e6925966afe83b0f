import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

const path = (relative: string) => fileURLToPath(new URL(relative, import.meta.url));

export default defineConfig(({ command }) => ({
  // The page asks the API relative to itself, so that it works behind any prefix. `npm run dev` serves it at
  // /viewer/ too, and hands what is not below on to the API.
  base: command === "serve" ? "/viewer/" : "./",
  resolve: { alias: { "cell-binary": path("../../clients/javascript/src/index.ts") } },
  build: {
    outDir: path("../cell_binary_api/viewer"),
    emptyOutDir: true,
    target: "es2022",
    chunkSizeWarningLimit: 800,   // kB; nearly all of it is deck.gl
  },
  server: {
    fs: { allow: [path("../..")] },
    proxy: { "^/(?!viewer/)": process.env.CELL_BINARY_API ?? "http://127.0.0.1:8000" },
  },
  test: { include: ["test/*.test.ts"] },
}));
