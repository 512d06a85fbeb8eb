/** Main process of an Electron application. */
import { readFileSync } from "node:fs";
// `electron` is there in an application of your own: npm install electron falconer-licensing
import { BrowserWindow, app, ipcMain, net } from "electron";
import { openLicense } from "./license.js";

const keys = readFileSync(new URL("falconer-keys.json", import.meta.url), "utf8");
const settings = { url: "https://licenses.example.com", keys, appId: "com.example.app" };

await app.whenReady();
const licensing = await openLicense(settings, ipcMain, net, () => BrowserWindow.getAllWindows());
const window = new BrowserWindow({ webPreferences: { preload: new URL("preload.cjs", import.meta.url).pathname } });
await window.loadFile(licensing.isUnlocked() ? "application.html" : "activate.html");
app.on("will-quit", (event) => {
  event.preventDefault();
  void licensing.close().then(() => app.exit());
});
