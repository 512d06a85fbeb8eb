/** The part of Electron's types that the example uses: the package itself has a browser inside, which no check needs. */
declare module "electron" {
  export const app: {
    whenReady(): Promise<void>;
    on(event: "will-quit", listener: (event: { preventDefault(): void }) => void): void;
    exit(): void;
  };
  export const ipcMain: { handle(channel: string, listener: (event: unknown, ...words: never[]) => unknown): void };
  export const net: { fetch(input: string, init?: RequestInit): Promise<Response> };
  export class BrowserWindow {
    static getAllWindows(): BrowserWindow[];
    constructor(options: { webPreferences: { preload: string } });
    readonly webContents: { send(channel: string, word: unknown): void };
    loadFile(path: string): Promise<void>;
  }
}
