/** A server on loopback that answers as a test tells it, with signatures of its own key. */
import { generateKeyPairSync, sign } from "node:crypto";
import { type IncomingMessage, type Server, createServer } from "node:http";

/** A signing key, and its entry in a list of keys. */
export interface Signer {
  readonly jwk: { kty: string; crv: string; kid: string; x: string; endorsed_by: Record<string, string> };
  sign(bytes: string): string;
}

/** Makes a signing key. */
export function newSigner(kid: string): Signer {
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  const { x = "" } = publicKey.export({ format: "jwk" });
  return {
    jwk: { kty: "OKP", crv: "Ed25519", kid, x, endorsed_by: {} },
    sign: (bytes) => sign(null, Buffer.from(bytes), privateKey).toString("base64url"),
  };
}

/** Endorses a key by an older one. */
export function endorse(by: Signer, { jwk }: Signer): void {
  jwk.endorsed_by[by.jwk.kid] = by.sign(["falconer/jwk/v1", jwk.kid, jwk.x].join("\0"));
}

/** Claims of a lease without a device, which a test changes. */
export function claims(nonce: string, changes: object = {}): Record<string, unknown> {
  const at = Math.floor(Date.now() / 1_000);
  const own = {
    iss: "falconer",
    aud: "QF",
    sub: "lic_1",
    jti: "req",
    at,
    iat: at - 300,
    nbf: at - 300,
    exp: at + 300,
    nonce,
  };
  return {
    ...own,
    valid: true,
    code: "VALID",
    tier: "pro",
    features: ["copy_trading"],
    license_expires_at: null,
    ...changes,
  };
}

/** A signed statement: a lease, or a refusal where `valid` is false. */
export function signed(signer: Signer, payload: Record<string, unknown>, header: object = {}): string {
  const typ = payload["valid"] === true ? "lease+jwt" : "refusal+jwt";
  const parts = [{ alg: "EdDSA", typ, kid: signer.jwk.kid, ...header }, payload].map((part) =>
    Buffer.from(JSON.stringify(part)).toString("base64url"),
  );
  return `${parts.join(".")}.${signer.sign(parts.join("."))}`;
}

/** A statement of a root: the good keys, and each `kid` that nobody may believe again. */
export function stated(
  root: Signer,
  serial: number,
  good: readonly Signer[],
  distrusted: readonly string[] = [],
): string {
  const keys = Object.fromEntries(good.map(({ jwk }) => [jwk.kid, jwk.x]));
  const iat = Math.floor(Date.now() / 1_000);
  const parts = [
    { alg: "EdDSA", typ: "falconer-keys+jwt" },
    { iss: "falconer", iat, serial, keys, distrusted },
  ].map((part) => Buffer.from(JSON.stringify(part)).toString("base64url"));
  return `${parts.join(".")}.${root.sign(parts.join("."))}`;
}

/** A body with a lease. */
export function yes(signer: Signer, nonce: string, changes: object = {}): object {
  return { valid: true, code: "VALID", licenseId: "lic_1", lease: signed(signer, claims(nonce, changes)) };
}

/** A body with a signed refusal. */
export function no(signer: Signer, nonce: string, code: string, changes: object = {}): object {
  return {
    valid: false,
    code,
    lease: signed(signer, claims(nonce, { aud: "QF/refusal", valid: false, code, ...changes })),
  };
}

/** An answer: status, headers and body. */
export interface Told {
  readonly status?: number;
  readonly headers?: Record<string, string>;
  readonly body?: object | string;
}

/** A running server. */
export class Liar {
  /** Bodies of the questions so far, with their paths. */
  readonly asked: { path: string; body: any }[] = [];
  answer: (path: string, body: any) => Told | null = () => null;
  readonly #server: Server;
  #port = 0;

  private constructor() {
    this.#server = createServer((request, response) => {
      void read(request).then((text) => {
        const body = text === "" ? null : JSON.parse(text);
        const path = request.url ?? "";
        this.asked.push({ path, body });
        const told = this.answer(path, body);
        if (told === null) return request.socket.destroy();
        const content = typeof told.body === "string" ? told.body : JSON.stringify(told.body ?? {});
        return response.writeHead(told.status ?? 200, told.headers).end(content);
      });
    });
  }

  static async start(): Promise<Liar> {
    const liar = new Liar();
    await new Promise<void>((resolve) => liar.#server.listen(0, "127.0.0.1", resolve));
    liar.#port = (liar.#server.address() as { port: number }).port;
    return liar;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  stop(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }
}

async function read(request: IncomingMessage): Promise<string> {
  let text = "";
  for await (const part of request) text += String(part);
  return text;
}
