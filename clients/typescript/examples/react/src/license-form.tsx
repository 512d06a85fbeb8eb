/** Form for a license key, and the message about the last answer. */
import { useLicense } from "falconer-licensing/react";
import { type SyntheticEvent, useState } from "react";

const STATES = {
  CHECKING: "Looking for a license …",
  NOT_ACTIVATED: "Enter your license key to begin.",
  ACTIVE: "The license is active.",
  GRACE: "The license could not be checked. Everything keeps working for now.",
  LOCKED: "The license is locked.",
};

/** Asks for a key, or shows what can be done about the license. */
export function LicenseForm() {
  const { state, unlocked, isAsking, advice, activate, refresh, forget } = useLicense();
  const [key, setKey] = useState("");
  const submit = (event: SyntheticEvent) => {
    event.preventDefault();
    void activate(key).then((answer) => {
      if (answer.ok) setKey("");
    });
  };
  return (
    <section aria-labelledby="license">
      <h2 id="license">License</h2>
      <p role="status" data-state={state}>
        {STATES[state]}
        {advice !== null && (
          <>
            {" "}
            <strong>{advice.sentence}</strong> {advice.nextStep}
          </>
        )}
      </p>
      {!unlocked && (
        <form onSubmit={submit}>
          <label htmlFor="key">License key</label>
          <input
            id="key"
            value={key}
            onChange={(event) => setKey(event.target.value)}
            autoComplete="off"
            spellCheck={false}
          />
          <button disabled={isAsking || state === "CHECKING"}>{isAsking ? "Asking …" : "Activate"}</button>
        </form>
      )}
      {state !== "NOT_ACTIVATED" && state !== "CHECKING" && (
        <div className="buttons">
          <button onClick={() => void refresh()} disabled={isAsking}>
            Check again
          </button>
          <button onClick={forget}>Forget this license</button>
        </div>
      )}
    </section>
  );
}
