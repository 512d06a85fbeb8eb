/** Messages of an application on a device, beside those of the core: docs/messages.md has the same table. */
import type { Message } from "../core/messages.js";

/** Messages about devices, stores and requests that wait, by their ids. */
export const DEVICE_MESSAGES: Readonly<Record<string, Message>> = {
  invalid_name: ["This name cannot be used.", "Enter one line of at most 255 characters."],
  invalid_email: ["This is not an e-mail address.", "Enter one like anna@example.com, or leave the field empty."],
  dns: ["The name of the license server was not found.", "Check the internet connection, then try again."],
  connect: [
    "No connection to the license server could be made.",
    "Check the internet connection and the firewall, then try again.",
  ],
  proxy: [
    "The proxy of this network made no connection to the license server.",
    "Check the proxy in the settings of this device, or ask the network's administrator.",
  ],
  proxy_password: [
    "The proxy of this network wants a user name and a password.",
    "Ask the network's administrator for them, or try another network.",
  ],
  certificate: [
    "This device does not trust the certificate of the connection.",
    "If the network asks you to sign in, do that in a browser first. Otherwise ask the network's administrator.",
  ],
  clock: [
    "The certificate of the license server is not valid at the date and time of this device.",
    "Set the date and the time of this device, then try again. If they are right, ask the vendor.",
  ],
  other_machine: ["The answer is about another device.", "Try again. If this continues, ask the vendor."],
  nothing_sent: [
    "The operating system supplied no random numbers, so nothing was sent.",
    "Restart the device, then try again.",
  ],
  forked: [
    "A copy of the application asked for the license, so nothing was sent.",
    "Try again in the application itself.",
  ],
  activation_waits: [
    "The activation is saved and waits for the license server.",
    "Connect this device to the internet, then check the license: the check sends it.",
  ],
  deactivation_waits: [
    "The deactivation is saved and waits for the license server.",
    "Connect this device to the internet, then check the license. Until then the license works.",
  ],
  release_waits: [
    "The license key tried before may still hold a seat for this device.",
    "Connect this device to the internet, then check the license: the check frees that seat.",
  ],
  store_full: [
    "The disk is full or failing, so the license cannot be saved.",
    "Free some space, then start the application again.",
  ],
  store_read_only: [
    "The folder of the license may not be written, so nothing new can be saved.",
    "Let your user write to the application's data folder, then start the application again.",
  ],
  store_damaged: [
    "The saved license was damaged and has been set aside.",
    "Connect this device to the internet and activate the license once more.",
  ],
  store_damaged_while_running: [
    "The saved license was damaged while the application was running, so nothing new can be saved.",
    "Start the application again. It may ask you to activate once more, online.",
  ],
  store_unavailable: [
    "The saved license could not be used.",
    "Close other copies of the application and start it again.",
  ],
  store_newer: [
    "The saved license was written by a newer version of this application.",
    "Update the application. Until then, activate again each time it starts.",
  ],
  no_store: [
    "This device offers no place for the license.",
    "Ask the vendor: the application has to choose a folder, or needs more memory.",
  ],
  invalid_setting: [
    "The application opens its license with a setting that is not valid.",
    "Ask the vendor: the application has to be corrected.",
  ],
  enter_key: ["Paste the license key from the mail that it came in.", "Name and e-mail may stay empty."],
  asking_server: ["The license server is being asked.", "Please wait."],
  updates_ended: [
    "This version of the application is newer than the license covers.",
    "Install a version that the license covers, or renew the maintenance with the vendor and check the license.",
  ],
  renew_by_file: [
    "The license is active and needs a new answer of the vendor before it ends.",
    "Make a request file, send it to the vendor, and import the answer.",
  ],
  air_gap_ended: [
    "Use without a network has ended.",
    "Make a request file, send it to the vendor, and import the answer. Then everything works again.",
  ],
  air_gap_clock: [
    "This device's clock does not match the time seen before.",
    "Correct date and time. If this message stays, give the license back by a receipt and activate again.",
  ],
  not_an_answer: [
    "This text is not an answer of the vendor.",
    "Take the whole file or the whole code that the vendor sent.",
  ],
  own_text: [
    "This is a text of this device, and not the vendor's answer.",
    "Send it to the vendor, and import the answer that comes back.",
  ],
  damaged_text: [
    "A part of the answer is missing or was changed on its way.",
    "Copy the whole file once more, from its first to its last character.",
  ],
  newer_text: [
    "This answer is for a newer version of the application.",
    "Update the application, then import the answer again.",
  ],
  already_imported: [
    "This answer has been imported, and it counts once.",
    "Nothing to do. For a later end, make a new request file.",
  ],
  no_request: [
    "No request of this device waits for an answer.",
    "Make a request file, send it to the vendor, and import the answer to that one.",
  ],
  not_air_gapped: [
    "This license came over the network, so no receipt is needed.",
    "Connect this device to the internet and deactivate the license.",
  ],
  answer_waits: [
    "A request file waits for the vendor's answer.",
    "Send the file to the vendor, and import the answer here.",
  ],
  receipt_waits: [
    "This device has given its license back, and the vendor needs the receipt.",
    "Send the receipt to the vendor.",
  ],
  updates_covered: ["The license covers versions up to {updates_until}.", "The newest of them is {updates_version}."],
};
