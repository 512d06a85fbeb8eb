/** A license without a network: requests, answers and receipts as texts that people carry. Nothing here sends a request.
 *
 * An answer counts once, on the device that asked, and never moves time back: the nonce of the request waits in the record and
 * leaves it with the first answer, the lease states the machine, and its end counts against the latest moment that is known to
 * have passed. */
import { verifySigned } from "../../core/signed.js";
import { deviceName } from "../device-name.js";
import type { Platform } from "../exchange.js";
import { type Failure, failureOf } from "../failure.js";
import { fingerprintWithInstallId } from "../fingerprint.js";
import type { Installation } from "../installation.js";
import { type LicenseKey, masked } from "../key.js";
import { EMPTY, withPending } from "../record.js";
import type { Licensee } from "../session.js";
import type { DeviceSettings } from "../settings.js";
import { type Purpose, readAnswerContent, receiptContent, requestContent } from "./content.js";
import { type AirGapText, readAnswerText, writeText } from "./text.js";

/** Calls of one license that need no network. Only one runs at a time. */
export class ByFile {
  constructor(
    private readonly installation: Installation,
    private readonly settings: DeviceSettings,
    private readonly platform: Platform,
  ) {}

  /** Makes a request, which waits in the record. It replaces the one before, whose answer does not count any more. */
  async request(key: LicenseKey, purpose: Purpose, licensee: Licensee): Promise<AirGapText | Failure> {
    const { installation, settings } = this;
    const nonce = this.#nonce();
    if (nonce === null) return failureOf("nothing_sent", "nothing_sent");
    const own = await fingerprintWithInstallId(installation, this.platform, key);
    const { machine } = installation.proof;
    const { current } = installation;
    const known = current.key?.canonical === key.canonical ? current.claims?.sub : undefined;
    const request = {
      ...{ product: settings.product, purpose, nonce, hardware: own.sent },
      license: known !== undefined && LICENSE_ID.test(known) ? known : masked(key),
      madeAt: installation.observe().now,
      trustedKids: current.trusted.entries().map(([kid]) => kid),
      isVirtualMachine: machine.isVirtualMachine,
      deviceName: settings.deviceName ?? deviceName(machine, own),
      ...{ licenseeName: licensee.name, licenseeEmail: licensee.email },
    };
    const waits = { kind: "file", purpose, nonce: nonce.toString("hex"), key: key.text } as const;
    await installation.keep((record) => ({ ...withPending(record, key.text, waits), ...licensee }));
    const words = [
      "A device without a network asks for its license. Send this file to the vendor.",
      "",
      `Product: ${request.product}`,
      `License: ${request.license}`,
      `Device:  ${request.deviceName}`,
      `Purpose: ${purpose}`,
    ];
    return writeText("request", words, requestContent(request, key));
  }

  /** Makes a request for a later end of the stored license. */
  renewal(): Promise<AirGapText | Failure> {
    const { key, record } = this.installation.current;
    if (key === null) return Promise.resolve(failureOf("input", "missing_key"));
    return this.request(key, "renew", { name: record.name, email: record.email });
  }

  /** Takes the vendor's answer. `null` means that it counts. */
  async import(text: string): Promise<Failure | null> {
    const adviceId = await this.#import(text);
    await this.installation.log("import", adviceId ?? "lease");
    return adviceId === null ? null : failureOf("answer", adviceId);
  }

  async #import(text: string): Promise<string | null> {
    const content = readAnswerText(text);
    if (typeof content === "string") return content;
    const answer = readAnswerContent(content);
    if (answer === null) return "newer_text";
    const { installation, settings } = this;
    if (answer.keys !== null) await installation.learnKeys(answer.keys);
    const { trusted } = installation.current;
    const verified = await verifySigned(answer.lease, settings.product, (kid) => trusted.key(kid));
    if (!("claims" in verified)) return verified.cause === "other_product" ? "other_product" : "untrusted_signature";
    const { claims } = verified;
    if (settings.issuer !== null && claims.iss !== settings.issuer) return "untrusted_signature";
    return installation.takeFile(claims, answer.lease);
  }

  /** Forgets the license and makes a receipt. The receipt stays until the next activation, so a second call has it again. */
  async giveBack(): Promise<AirGapText | Failure> {
    const { record, key, claims } = this.installation.current;
    if (record.pending?.kind === "receipt") return receiptText(record.pending.content);
    if (key === null || claims === null) return failureOf("input", "missing_key");
    if (claims.air_gap !== true || claims.device == null) return failureOf("not_air_gapped", "not_air_gapped");
    const madeAt = this.installation.observe().now;
    const receipt = { license: claims.sub, device: claims.device, lease: claims.jti, madeAt };
    const content = receiptContent(receipt, key).toString("hex");
    await this.installation.keep(({ trustedKeys, installId, givenUpKeys }) => ({
      ...EMPTY,
      ...{ trustedKeys, installId, givenUpKeys },
      pending: { kind: "receipt", content },
    }));
    return receiptText(content);
  }

  #nonce(): Buffer | null {
    try {
      return Buffer.from(this.platform.random(NONCE_BYTES));
    } catch {
      return null;
    }
  }
}

const NONCE_BYTES = 16;
const LICENSE_ID = /^lic_[0-9a-hjkmnp-tv-z]{24}$/;

function receiptText(content: string): AirGapText {
  const words = ["A device has given its license back. Send this file to the vendor."];
  return writeText("receipt", words, Buffer.from(content, "hex"));
}
