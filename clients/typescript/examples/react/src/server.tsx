/** Renders the page on a server. */
import { StrictMode } from "react";
import { renderToString } from "react-dom/server";
import { App } from "./app.js";

/** Markup of the page, before any license is known. */
export function render(): string {
  return renderToString(
    <StrictMode>
      <App />
    </StrictMode>,
  );
}
