/** Gives a window the license, and nothing else of Node. */
const { contextBridge, ipcRenderer } = require("electron");

contextBridge.exposeInMainWorld("license", {
  snapshot: () => ipcRenderer.invoke("license:snapshot"),
  activate: (key, name, email) => ipcRenderer.invoke("license:activate", key, name, email),
  transfer: (key, fromDevice) => ipcRenderer.invoke("license:transfer", key, fromDevice),
  deactivate: () => ipcRenderer.invoke("license:deactivate"),
  request: (key, name, email) => ipcRenderer.invoke("license:request", key, name, email),
  importResponse: (text) => ipcRenderer.invoke("license:import", text),
  receipt: () => ipcRenderer.invoke("license:receipt"),
  onChange: (listener) => ipcRenderer.on("license", (_event, snapshot) => listener(snapshot)),
});
