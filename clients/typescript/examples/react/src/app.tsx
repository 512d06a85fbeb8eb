/** A trading cockpit whose features depend on the tier of a license. */
import { FalconerProvider, useLicense } from "falconer-licensing/react";
import { Features } from "./features.js";
import { LicenseForm } from "./license-form.js";
import { settings } from "./settings.js";

/** The whole page. */
export function App() {
  return (
    <FalconerProvider {...settings}>
      <header>
        <h1>Quantum Falcon Cockpit</h1>
        <Badge />
      </header>
      <main>
        <LicenseForm />
        <Features />
      </main>
    </FalconerProvider>
  );
}

/** Tier and end of the license, beside the title. */
function Badge() {
  const { license, state } = useLicense();
  const end = license?.expiresAt?.toLocaleDateString("en", { dateStyle: "medium" }) ?? "never ends";
  return (
    <p className="badge" data-state={state}>
      {license === null
        ? state === "LOCKED"
          ? "Locked"
          : "No license"
        : `${license.tier ?? "licensed"} · ${license.expiresAt === null ? end : `until ${end}`}`}
    </p>
  );
}
