/** Shows the page in a browser: over the markup of a server where there is some. */
import { StrictMode } from "react";
import { createRoot, hydrateRoot } from "react-dom/client";
import { App } from "./app.js";
import "./page.css";

const root = document.getElementById("root") ?? document.body;
const page = (
  <StrictMode>
    <App />
  </StrictMode>
);
if (root.firstElementChild === null) createRoot(root).render(page);
else hydrateRoot(root, page);
