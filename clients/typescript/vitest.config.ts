import { defineConfig } from "vitest/config";

/** `unit` needs Node alone; `stack` starts the real functions, so the workspace's programs have to be built. */
export default defineConfig({
  test: {
    testTimeout: 60_000,
    hookTimeout: 120_000,
    projects: [
      { extends: true, test: { name: "unit", include: ["test/*.test.{ts,tsx}"] } },
      {
        extends: true,
        test: {
          name: "stack",
          include: ["test/stack/*.test.ts"],
          globalSetup: ["test/stack/setup.ts"],
          fileParallelism: false,
        },
      },
    ],
  },
});
