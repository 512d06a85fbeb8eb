import { createLocalJWKSet, jwtVerify, type JSONWebKeySet, type JWTPayload } from "jose";

/** The claims of a yes to the request that sent `nonce`. Throws for anything else. */
export async function verifyLease(
  lease: string,
  jwks: JSONWebKeySet,
  product: string,
  licenseId: string,
  nonce: string,
  issuer?: string,
): Promise<JWTPayload> {
  const { payload } = await jwtVerify(lease, createLocalJWKSet(jwks), {
    algorithms: ["EdDSA", "Ed25519"],
    typ: "lease+jwt",
    audience: product,
    subject: licenseId,
    issuer,
    requiredClaims: ["exp", "iat", "iss", "nbf"],
  });
  if (payload.valid !== true) throw new Error("a refusal");
  if (payload.nonce !== nonce) throw new Error("the answer to another request");
  return payload;
}
