/** Settings of the page, from the build: `VITE_FALCONER_URL`, and in `VITE_FALCONER_KEYS` the answer of `/api/keys`. */
export const settings = {
  product: "QF",
  url: import.meta.env.VITE_FALCONER_URL ?? "http://127.0.0.1:9000",
  keys: import.meta.env.VITE_FALCONER_KEYS ?? "",
  // Name of the page in the vendor's audit, as the page of the Flask server sends it.
  origin: "quantum-falcon-cockpit",
  timeoutMs: 5_000,
};
