/** License of an Electron application, in its main process. Windows see a snapshot and ask for what a user may do; no
 * license key and no decision is in a window. */
import { Licensing, type PublicKeys, type Snapshot } from "falconer-licensing/node";

/** The part of `ipcMain` that is used. */
export interface Ipc {
  handle(channel: string, listener: (event: unknown, ...words: never[]) => unknown): void;
}

/** The part of `net` that is used: its `fetch` goes through the system's proxy, and that of Node does not. */
export interface Net {
  fetch(input: string, init?: RequestInit): Promise<Response>;
}

/** A window that shows the license. */
export interface Window {
  readonly webContents: { send(channel: string, snapshot: Snapshot): void };
}

/** Settings of the application. Save `GET /api/keys` into a file when you build it. */
export interface Settings {
  readonly url: string;
  readonly keys: PublicKeys;
  readonly appId: string;
  /** Path of the file with the license; by default in the user's folder for application data. */
  readonly store?: string;
}

/** Opens the license and answers the windows. Call it once, when the application is ready. */
export async function openLicense(
  settings: Settings,
  ipc: Ipc,
  net: Net,
  windows: () => readonly Window[],
): Promise<Licensing> {
  const licensing = await Licensing.open({
    product: "QF",
    ...settings,
    fetch: (input, init) => net.fetch(input, init),
  });
  licensing.onChange((snapshot) => {
    for (const window of windows()) window.webContents.send("license", snapshot);
  });
  ipc.handle("license:snapshot", () => licensing.snapshot());
  ipc.handle("license:activate", (_event, key: string, name: string, email: string) =>
    licensing.activate(key, { name, email }),
  );
  ipc.handle("license:transfer", (_event, key: string | null, fromDevice: string) =>
    licensing.transfer(key, { fromDevice }),
  );
  ipc.handle("license:deactivate", () => licensing.deactivate());
  // Without a network: texts that the window saves, shows as a QR code, and reads. Without a key the request is a renewal.
  ipc.handle("license:request", (_event, key: string | null, name: string, email: string) =>
    key === null ? licensing.renewalRequest() : licensing.activationRequest(key, { name, email }),
  );
  ipc.handle("license:import", (_event, text: string) => licensing.importResponse(text));
  ipc.handle("license:receipt", () => licensing.deactivateByReceipt());
  licensing.startRefresher();
  return licensing;
}
