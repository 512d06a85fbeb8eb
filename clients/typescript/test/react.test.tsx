/** React on a server, where no browser is. */
import { renderToString } from "react-dom/server";
import { expect, test } from "vitest";
import { FalconerProvider, Licensed, useFeature, useLicense } from "../src/react.js";
import { newSigner } from "./liar.js";

const settings = { product: "QF", url: "https://licenses.example.com", keys: { keys: [newSigner("1").jwk] } };

function Page() {
  const { state, unlocked } = useLicense();
  return (
    <p>
      {state} {String(unlocked)} {String(useFeature("copy_trading"))}
    </p>
  );
}

test("a server shows the fallback, and asks nobody", () => {
  const fetch = () => expect.fail("a server asked");
  const html = renderToString(
    <FalconerProvider {...settings} fetch={fetch}>
      <Page />
      <Licensed feature="copy_trading" fallback={<i>locked</i>}>
        <b>secret</b>
      </Licensed>
    </FalconerProvider>,
  );
  expect(html).toContain("CHECKING");
  expect(html).toContain("<i>locked</i>");
  expect(html).not.toContain("secret");
});

test("hooks outside a provider say what is missing", () => {
  expect(() => renderToString(<Page />)).toThrow("FalconerProvider");
});
