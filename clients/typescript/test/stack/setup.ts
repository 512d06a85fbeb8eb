/** One stack for all files of the project `stack`, and a server for what their pages load. */
import type { TestProject } from "vitest/node";
import { PORTS } from "./ports.js";
import { Stack } from "./stack.js";

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const origins = [PORTS.allowed, PORTS.demo].map((port) => `http://127.0.0.1:${port}`);
  const stack = await Stack.start(PORTS.stack, origins.join());
  const control = await serveControl(stack);
  project.provide("stack", { url: stack.url, keys: await stack.keys(), control: control.url });
  return async () => {
    control.close();
    await stack.stop();
  };
}

/** Test files run in other processes, so they ask for what only this one can do. */
async function serveControl(stack: Stack): Promise<{ url: string; close: () => void }> {
  const { createServer } = await import("node:http");
  const server = createServer((request, response) => {
    const words = JSON.parse(decodeURIComponent(request.url?.slice(2) ?? "%5B%5D")) as string[];
    const done = async () => {
      if (words[0] === "down") return stack.down();
      return words[0] === "up" ? stack.up() : stack.operator(...words);
    };
    done().then(
      (said) => response.end(said ?? ""),
      (error: Error) => response.writeHead(500).end(error.message),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  return { url: `http://127.0.0.1:${port}`, close: () => server.close() };
}

declare module "vitest" {
  interface ProvidedContext {
    stack: { url: string; keys: string; control: string };
  }
}
