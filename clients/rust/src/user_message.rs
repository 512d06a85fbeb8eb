//! Texts for the person at the screen: one table of all messages. `docs/messages.md` repeats it for translators, and a
//! test compares the two.

use serde::Serialize;

/// A sentence and a next step in plain English, free of personal and secret values. Show both unchanged, or look the
/// [`id`](Self::id) up in a table of your own language.
#[derive(Clone, Copy, Debug, derive_more::Display, PartialEq, Eq, Hash, Serialize)]
#[display("{sentence} {next_step}")]
#[non_exhaustive]
pub struct UserMessage {
    /// Name of the message, for translations. The sentences may be reworded; an id keeps its meaning.
    pub id: MessageId,
    /// States the fact: "The license server is busy."
    pub sentence: &'static str,
    /// Says how to go on: "Try again in a few minutes."
    pub next_step: &'static str,
}

/// Makes the enum and its texts from one table, so that each id has exactly one sentence.
macro_rules! messages {
    ($($variant:ident, $id:literal, $sentence:literal, $next_step:literal;)+) => {
        /// Name of a [`UserMessage`]. `docs/messages.md` lists all names with their sentences.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum MessageId {
            $(#[doc = concat!("`", $id, "`: ", $sentence)] $variant,)+
        }

        impl MessageId {
            /// All ids, in the order of `docs/messages.md`.
            pub const ALL: &[Self] = &[$(Self::$variant,)+];

            /// Id for programs and tables of translations, `proxy_password`.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $id,)+
                }
            }

            /// English sentence and next step.
            #[must_use]
            pub const fn message(self) -> UserMessage {
                match self {
                    $(Self::$variant => UserMessage { id: self, sentence: $sentence, next_step: $next_step },)+
                }
            }
        }
    };
}

messages! {
    // States. The id of a locked state is its code in lower case, and so is the id of a refusal.
    NoLicense, "no_license", "This device is not activated.",
        "Enter the license key you were sent, and activate.";
    Active, "active", "The license is active.",
        "Nothing to do.";
    RefreshDue, "refresh_due", "The license is active and will be checked again.",
        "Nothing to do: the check runs by itself while this device is online.";
    Grace, "grace", "The license server could not be reached. Everything keeps working for now.",
        "Connect this device to the internet before offline use ends.";
    ClockSuspect, "clock_suspect", "This device's clock does not match the time seen before.",
        "Correct date and time, connect to the internet, and check the license once.";
    Revoked, "revoked", "The vendor has ended this license.",
        "Ask the vendor why. If you were sent a new key, activate with that one.";
    Suspended, "suspended", "The vendor has stopped this license for now.",
        "Ask the vendor. Once the license is reinstated, check it again.";
    Pending, "pending", "This license has not been activated yet.",
        "Activate it on this device.";
    Expired, "expired", "This license has ended.",
        "Renew it with the vendor, then check the license again.";
    NotActivated, "not_activated", "This device no longer holds a seat of the license.",
        "Activate the license on this device again.";
    HardwareMismatch, "hardware_mismatch", "The license is in use on another device.",
        "Move it to this device, or keep using the other one.";
    LeaseExpired, "lease_expired", "Offline use has ended.",
        "Connect this device to the internet and check the license. Then everything works again.";
    RenewByFile, "renew_by_file", "The license is active and needs a new answer of the vendor before it ends.",
        "Make a request file, send it to the vendor, and import the answer.";
    AirGapEnded, "air_gap_ended", "Use without a network has ended.",
        "Make a request file, send it to the vendor, and import the answer. Then everything works again.";
    AirGapClock, "air_gap_clock", "This device's clock does not match the time seen before.",
        "Correct date and time. If this message stays, give the license back by a receipt and activate again.";

    UpdatesEnded, "updates_ended", "This version of the application is newer than the license covers.",
        "Install a version that the license covers, or renew the maintenance with the vendor and check the license.";
    UpdatesCovered, "updates_covered", "The license covers versions up to {updates_until}.",
        "The newest of them is {updates_version}.";

    // Refusals that lock nothing.
    InvalidSignature, "invalid_signature", "The vendor's server does not know this license key.",
        "Compare it with the mail that it came in, character by character.";
    NotFound, "not_found", "The key is genuine, but its license was not found.",
        "Ask the vendor.";
    SeatsExhausted, "seats_exhausted", "The license is in use on another device.",
        "Move it to this device, or deactivate it there first.";
    DeviceRequired, "device_required", "Several devices use this license.",
        "Choose the device that this one replaces.";
    DeviceOffline, "device_offline", "The other device uses the license without a network, so it cannot move yet.",
        "Give it back on that device by a receipt, or ask the vendor.";
    TransferLimitReached, "transfer_limit_reached", "The license has reached its limit of transfers for now.",
        "Use it on the device that has it, or ask the vendor to reset its devices.";
    TransferCooldown, "transfer_cooldown", "The license moved a short while ago.",
        "Wait until it may move again, or ask the vendor to reset its devices.";
    EmailMismatch, "email_mismatch", "The e-mail address is not the one the license was bought with.",
        "Enter that address, or ask the vendor.";
    FingerprintTooWeak, "fingerprint_too_weak", "This device offers too little to recognise it by.",
        "Ask the vendor how to license a device like this one.";
    VirtualMachine, "virtual_machine", "The license may not be used in a virtual machine.",
        "Activate it on a physical device, or ask the vendor.";
    ConcurrentUpdate, "concurrent_update", "The license was changed by another request at the same moment.",
        "Try again.";
    Refused, "refused", "The license server refused.",
        "Ask the vendor and name the code.";

    // Typed text.
    InvalidKey, "invalid_key", "This is not a license key.",
        "Compare it with the mail that it came in. Copying and pasting is safest.";
    InvalidName, "invalid_name", "This name cannot be used.",
        "Enter one line of at most 255 characters.";
    InvalidEmail, "invalid_email", "This is not an e-mail address.",
        "Enter one like anna@example.com, or leave the field empty.";
    MissingKey, "missing_key", "No license was activated here.",
        "Enter the license key you were sent.";

    // The network.
    Dns, "dns", "The name of the license server was not found.",
        "Check the internet connection, then try again.";
    Connect, "connect", "No connection to the license server could be made.",
        "Check the internet connection and the firewall, then try again.";
    Proxy, "proxy", "The proxy of this network made no connection to the license server.",
        "Check the proxy in the settings of this device, or ask the network's administrator.";
    ProxyPassword, "proxy_password", "The proxy of this network wants a user name and a password.",
        "Ask the network's administrator for them, or try another network.";
    Certificate, "certificate", "This device does not trust the certificate of the connection.",
        "If the network asks you to sign in, do that in a browser first. Otherwise ask the network's administrator.";
    Clock, "clock", "The certificate of the license server is not valid at the date and time of this device.",
        "Set the date and the time of this device, then try again. If they are right, ask the vendor.";
    Timeout, "timeout", "The license server did not answer in time.",
        "Check the internet connection, then try again in a few minutes.";
    Cancelled, "cancelled", "The request was cancelled.",
        "Try again whenever you like.";
    Unreachable, "unreachable", "The license server could not be reached.",
        "Check the internet connection, then try again.";
    Busy, "busy", "The license server is busy.",
        "Try again in a few minutes.";

    // Answers that do not count.
    NotTheServer, "not_the_server",
        "Something between this device and the license server answered in its place.",
        "If this network asks you to sign in, do that in a browser first, then try again.";
    UntrustedSignature, "untrusted_signature", "The answer does not come from the vendor's license server.",
        "Try again on another network. If this continues, update the application or ask the vendor.";
    NotForThisRequest, "not_for_this_request", "The answer belongs to another request.",
        "Try again. If this continues, ask the vendor.";
    OtherMachine, "other_machine", "The answer is about another device.",
        "Try again. If this continues, ask the vendor.";
    OtherProduct, "other_product", "This license key is for another product.",
        "Look for the key of this product, or ask the vendor.";
    NotAnAnswer, "not_an_answer", "This text is not an answer of the vendor.",
        "Take the whole file or the whole code that the vendor sent.";
    OwnText, "own_text", "This is a text of this device, and not the vendor's answer.",
        "Send it to the vendor, and import the answer that comes back.";
    DamagedText, "damaged_text", "A part of the answer is missing or was changed on its way.",
        "Copy the whole file once more, from its first to its last character.";
    NewerText, "newer_text", "This answer is for a newer version of the application.",
        "Update the application, then import the answer again.";
    AlreadyImported, "already_imported", "This answer has been imported, and it counts once.",
        "Nothing to do. For a later end, make a new request file.";
    NoRequest, "no_request", "No request of this device waits for an answer.",
        "Make a request file, send it to the vendor, and import the answer to that one.";
    AnswerEnded, "answer_ended", "By the date of this device, the answer has ended.",
        "If that date is wrong, correct it, restart the application, and import the answer again. Otherwise ask for a new one.";
    NothingSent, "nothing_sent", "The operating system supplied no random numbers, so nothing was sent.",
        "Restart the device, then try again.";
    Forked, "forked", "A copy of the application asked for the license, so nothing was sent.",
        "Try again in the application itself.";
    NotAirGapped, "not_air_gapped", "This license came over the network, so no receipt is needed.",
        "Connect this device to the internet and deactivate the license.";

    // Requests that wait.
    ActivationWaits, "activation_waits", "The activation is saved and waits for the license server.",
        "Connect this device to the internet, then check the license: the check sends it.";
    DeactivationWaits, "deactivation_waits", "The deactivation is saved and waits for the license server.",
        "Connect this device to the internet, then check the license. Until then the license works.";
    ReleaseWaits, "release_waits", "The license key tried before may still hold a seat for this device.",
        "Connect this device to the internet, then check the license: the check frees that seat.";
    AnswerWaits, "answer_waits", "A request file waits for the vendor's answer.",
        "Send the file to the vendor, and import the answer here.";
    ReceiptWaits, "receipt_waits", "This device has given its license back, and the vendor needs the receipt.",
        "Send the receipt to the vendor.";

    // The store.
    StoreFull, "store_full", "The disk is full or failing, so the license cannot be saved.",
        "Free some space, then start the application again.";
    StoreReadOnly, "store_read_only",
        "The folder of the license may not be written, so nothing new can be saved.",
        "Let your user write to the application's data folder, then start the application again.";
    StoreDamaged, "store_damaged", "The saved license was damaged and has been set aside.",
        "Connect this device to the internet and activate the license once more.";
    StoreDamagedWhileRunning, "store_damaged_while_running",
        "The saved license was damaged while the application was running, so nothing new can be saved.",
        "Start the application again. It may ask you to activate once more, online.";
    StoreUnavailable, "store_unavailable", "The saved license could not be used.",
        "Close other copies of the application and start it again.";
    StoreNewer, "store_newer", "The saved license was written by a newer version of this application.",
        "Update the application. Until then, activate again each time it starts.";
    NoStore, "no_store", "This device offers no place for the license.",
        "Ask the vendor: the application has to choose a folder, or needs more memory.";

    // Mistakes of the application.
    InvalidSetting, "invalid_setting", "The application opens its license with a setting that is not valid.",
        "Ask the vendor: the application has to be corrected.";

    // Steps of the form.
    EnterKey, "enter_key", "Paste the license key from the mail that it came in.",
        "Name and e-mail may stay empty.";
    AskingServer, "asking_server", "The license server is being asked.",
        "Please wait.";
}

impl Serialize for MessageId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl std::fmt::Display for MessageId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}
