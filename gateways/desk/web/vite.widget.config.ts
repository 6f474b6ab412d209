import { join } from "node:path";
import { defineConfig } from "vite";
import { recordSources } from "./sources.ts";

const widget = join(import.meta.dirname, "../../webchat/widget");
const extra = ["vite.widget.config.ts", "package-lock.json", "sources.ts", "../../web/browser"].map((name) => join(import.meta.dirname, name));

// One classic script without imports: it must run from a plain script tag on any page.
export default defineConfig({
  root: widget,
  plugins: [recordSources(widget, extra)],
  build: {
    outDir: "../static",
    emptyOutDir: true,
    target: "es2022",
    lib: { entry: "src/index.ts", formats: ["iife"], name: "TrunklineWebchat", fileName: () => "widget.js" },
  },
});
