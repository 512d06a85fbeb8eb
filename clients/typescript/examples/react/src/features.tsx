/** Features of the cockpit, by what a tier includes. */
import { Licensed, useFeature } from "falconer-licensing/react";

const FEATURES = [
  { name: "basic_dashboard", title: "Dashboard", text: "Your positions at a glance." },
  { name: "copy_trading", title: "Copy trading", text: "Follow the traders you trust." },
  { name: "market_intelligence", title: "Market intelligence", text: "Signals from the whole market." },
  { name: "white_label", title: "White label", text: "Your own name on the cockpit." },
];

/** Cards of all features; those that the license lacks say so. */
export function Features() {
  const hasSignals = useFeature("market_intelligence");
  return (
    <section aria-labelledby="features">
      <h2 id="features">Features</h2>
      <ul className="cards">
        {FEATURES.map(({ name, title, text }) => (
          <li key={name} data-feature={name}>
            <h3>{title}</h3>
            <Licensed feature={name} fallback={<p className="locked">Not in your license</p>}>
              <p>{text}</p>
            </Licensed>
          </li>
        ))}
      </ul>
      {hasSignals && <p>The signals of the whole market are on.</p>}
    </section>
  );
}
