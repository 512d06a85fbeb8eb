import { verifyLease } from "./verify-lease.js";

/** The claims of a yes, or the code of a no. Throws where there is no answer that counts: nobody is refused for that. */
export async function checkLicense(server: string, product: string, license: string) {
  const nonce = crypto.randomUUID();
  const answer = await fetch(`${server}/api/verify`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ license, nonce }),
  });
  if (answer.status === 429 || answer.status >= 500) throw new Error("no answer for now; try again later");
  const body = await answer.json();
  if (body.valid !== true) return { code: String(body.code) };
  const keys = await fetch(`${server}/api/keys`);
  return { claims: await verifyLease(body.lease, await keys.json(), product, body.licenseId, nonce) };
}
