import { join } from "node:path";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";
import { recordSources } from "./sources.ts";

// The page is committed, so the build must give the same bytes from the same sources on any machine.
export default defineConfig({
  base: "./",
  plugins: [react(), recordSources(import.meta.dirname, [join(import.meta.dirname, "../../web/browser")])],
  build: {
    outDir: "../static",
    emptyOutDir: true,
    // The licences of everything that is bundled, beside the bundle.
    license: { fileName: "licenses.md" },
    target: "es2022",
    chunkSizeWarningLimit: 2000,
    rolldownOptions: {
      output: {
        // React and antd change rarely: browsers keep them while the desk's own code changes.
        codeSplitting: { groups: [{ name: "vendor", test: /node_modules/ }] },
      },
    },
  },
  server: { proxy: { "/ws": { target: "http://127.0.0.1:7390", ws: true }, "/attachments": "http://127.0.0.1:7390" } },
  test: { include: ["src/**/*.test.ts", "../../webchat/widget/src/**/*.test.ts"], globals: true, environment: "node" },
});
