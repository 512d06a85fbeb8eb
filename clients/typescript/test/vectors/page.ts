/** The vectors of the core, for a page to run. */
import { concludeLease, concludeTrust } from "./core.js";

(globalThis as any).conclude = { lease: concludeLease, trust: concludeTrust };
