import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, gzipSync } from "node:zlib";
import { defineConfig } from "vitest/config";

const path = (relative: string) => fileURLToPath(new URL(relative, import.meta.url));

/** Writes a br and a gzip copy beside each file, at the best level, if the copy is smaller. */
const codings = {
  name: "codings",
  apply: "build" as const,
  writeBundle(_: object, bundle: object): void {
    for (const name of Object.keys(bundle)) {
      const file = path(`../cell_binary_api/viewer/${name}`), body = readFileSync(file);
      const copies = { ".br": brotliCompressSync(body), ".gz": gzipSync(body, { level: 9 }) };
      for (const [suffix, coded] of Object.entries(copies)) {
        if (coded.length < body.length) {
          writeFileSync(file + suffix, coded);
        }
      }
    }
  },
};

export default defineConfig(({ command }) => ({
  // The page requests the service relative to itself, so that it works behind any prefix.
  // `npm run dev` also serves the page at /viewer/, and forwards all other paths to the service.
  base: command === "serve" ? "/viewer/" : "./",
  plugins: [codings],
  resolve: { alias: { "cell-binary": path("../../clients/javascript/src/index.ts") } },
  build: {
    outDir: path("../cell_binary_api/viewer"),
    emptyOutDir: true,
    target: "es2022",
    chunkSizeWarningLimit: 800,   // kB, most of them deck.gl
  },
  server: {
    fs: { allow: [path("../..")] },
    proxy: { "^/(?!viewer/)": process.env.CELL_BINARY_API ?? "http://127.0.0.1:8000" },
  },
  test: { include: ["test/*.test.ts"] },
}));
