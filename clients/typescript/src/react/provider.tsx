/** Provider of a page's license. */
import { type ReactNode, createContext, createElement, useEffect, useState } from "react";
import { type Falconer, createFalconer } from "../core/falconer.js";
import type { FalconerSettings } from "../core/settings.js";
import { type LicenseSession, type SessionOptions, createSession } from "../page/session.js";

/** Properties of the provider: a client, or the settings of one; and the options of the session. They are read once. */
export type FalconerProviderProps = SessionOptions & {
  readonly children?: ReactNode;
} & ({ readonly falconer: Falconer } | FalconerSettings);

/** Gives its children the license of this page, and asks about the stored key when the page is shown. */
export function FalconerProvider(props: FalconerProviderProps): ReactNode {
  const [session] = useState(() => createSession("falconer" in props ? props.falconer : createFalconer(props), props));
  useEffect(() => void session.start(), [session]);
  return createElement(SessionContext.Provider, { value: session }, props.children);
}

/** Session of the nearest provider. */
export const SessionContext = createContext<LicenseSession | null>(null);
