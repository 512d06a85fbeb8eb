import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

/** In an application of your own, `npm install falconer-licensing` replaces the alias. */
const dist = new URL("../../dist/esm/", import.meta.url).pathname;

export default defineConfig({
  plugins: [react()],
  resolve: {
    alias: [{ find: /^falconer-licensing\/(\w+)$/, replacement: `${dist}$1.js` }],
    dedupe: ["react", "react-dom"],
  },
});
