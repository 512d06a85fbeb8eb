/** Sentences for users, with their ids: docs/messages.md has the same table, and a test compares both. */

/** A sentence and a next step. Show both unchanged, or look up the id in a table of your own language. */
export interface Advice {
  readonly id: string;
  readonly sentence: string;
  readonly nextStep: string;
}

/** Advice of an id, also from a table beside that of the core. Ids of a later version have the words of `refused`. */
export function adviceOf(id: string, more: Readonly<Record<string, Message>> = {}): Advice {
  const [sentence, nextStep] = MESSAGES[id] ?? more[id] ?? MESSAGES["refused"] ?? ["", ""];
  return { id, sentence, nextStep };
}

/** Id of the advice for a refusal with this code: the code in lower case, where it is known. */
export function refusalAdvice(code: string): Advice {
  const id = code.toLowerCase();
  return adviceOf(id in MESSAGES ? id : "refused");
}

/** Sentence and next step. */
export type Message = readonly [string, string];

/** Messages of the core, by their ids. */
export const MESSAGES: Readonly<Record<string, Message>> = {
  no_license: ["This device is not activated.", "Enter the license key you were sent, and activate."],
  active: ["The license is active.", "Nothing to do."],
  refresh_due: [
    "The license is active and will be checked again.",
    "Nothing to do: the check runs by itself while this device is online.",
  ],
  grace: [
    "The license server could not be reached. Everything keeps working for now.",
    "Connect this device to the internet before offline use ends.",
  ],
  clock_suspect: [
    "This device's clock does not match the time seen before.",
    "Correct date and time, connect to the internet, and check the license once.",
  ],
  revoked: [
    "The vendor has ended this license.",
    "Ask the vendor why. If you were sent a new key, activate with that one.",
  ],
  suspended: [
    "The vendor has stopped this license for now.",
    "Ask the vendor. Once the license is reinstated, check it again.",
  ],
  pending: ["This license has not been activated yet.", "Activate it on this device."],
  expired: ["This license has ended.", "Renew it with the vendor, then check the license again."],
  not_activated: ["This device no longer holds a seat of the license.", "Activate the license on this device again."],
  hardware_mismatch: [
    "The license is in use on another device.",
    "Move it to this device, or keep using the other one.",
  ],
  lease_expired: [
    "Offline use has ended.",
    "Connect this device to the internet and check the license. Then everything works again.",
  ],
  invalid_signature: [
    "The vendor's server does not know this license key.",
    "Compare it with the mail that it came in, character by character.",
  ],
  not_found: ["The key is genuine, but its license was not found.", "Ask the vendor."],
  seats_exhausted: [
    "The license is in use on another device.",
    "Move it to this device, or deactivate it there first.",
  ],
  device_required: ["Several devices use this license.", "Choose the device that this one replaces."],
  transfer_limit_reached: [
    "The license has reached its limit of transfers for now.",
    "Use it on the device that has it, or ask the vendor to reset its devices.",
  ],
  transfer_cooldown: [
    "The license moved a short while ago.",
    "Wait until it may move again, or ask the vendor to reset its devices.",
  ],
  email_mismatch: [
    "The e-mail address is not the one the license was bought with.",
    "Enter that address, or ask the vendor.",
  ],
  fingerprint_too_weak: [
    "This device offers too little to recognise it by.",
    "Ask the vendor how to license a device like this one.",
  ],
  virtual_machine: [
    "The license may not be used in a virtual machine.",
    "Activate it on a physical device, or ask the vendor.",
  ],
  device_offline: [
    "The other device uses the license without a network, so it cannot move yet.",
    "Give it back on that device by a receipt, or ask the vendor.",
  ],
  concurrent_update: ["The license was changed by another request at the same moment.", "Try again."],
  refused: ["The license server refused.", "Ask the vendor and name the code."],
  invalid_key: [
    "This is not a license key.",
    "Compare it with the mail that it came in. Copying and pasting is safest.",
  ],
  missing_key: ["No license was activated here.", "Enter the license key you were sent."],
  timeout: [
    "The license server did not answer in time.",
    "Check the internet connection, then try again in a few minutes.",
  ],
  cancelled: ["The request was cancelled.", "Try again whenever you like."],
  unreachable: ["The license server could not be reached.", "Check the internet connection, then try again."],
  busy: ["The license server is busy.", "Try again in a few minutes."],
  not_the_server: [
    "Something between this device and the license server answered in its place.",
    "If this network asks you to sign in, do that in a browser first, then try again.",
  ],
  untrusted_signature: [
    "The answer does not come from the vendor's license server.",
    "Try again on another network. If this continues, update the application or ask the vendor.",
  ],
  not_for_this_request: ["The answer belongs to another request.", "Try again. If this continues, ask the vendor."],
  other_product: ["This license key is for another product.", "Look for the key of this product, or ask the vendor."],
};
