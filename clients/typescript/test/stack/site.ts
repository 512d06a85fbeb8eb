/** Pages for a real Chromium. */
import { readFile } from "node:fs/promises";
import { type Server, createServer } from "node:http";
import { extname, join } from "node:path";
import { type Browser, chromium } from "playwright-core";

/** Starts Debian's Chromium. `insecure.test` is this machine under a name that is no secure context. */
export function startBrowser(): Promise<Browser> {
  return chromium.launch({
    executablePath: process.env["CHROMIUM"] ?? "/usr/bin/chromium",
    args: ["--no-sandbox", "--host-resolver-rules=MAP insecure.test 127.0.0.1"],
  });
}

const TYPES: Record<string, string> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript",
  ".css": "text/css",
};

/** Serves the files of a folder, and texts by their paths. */
export async function serve(port: number, folder: string | null, texts: Record<string, string> = {}): Promise<Server> {
  const server = createServer((request, response) => {
    const path = request.url === "/" ? "/index.html" : (request.url ?? "");
    const type = TYPES[extname(path)] ?? "application/octet-stream";
    const text =
      texts[path] === undefined && folder !== null ? readFile(join(folder, path)) : Promise.resolve(texts[path] ?? "");
    text.then(
      (found) => response.writeHead(200, { "content-type": type }).end(found),
      () => response.writeHead(404).end(),
    );
  });
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  return server;
}
