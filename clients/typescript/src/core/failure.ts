/** Mistakes of the application, which throw. Refusals and failures of the network are results, not exceptions. */

/** A setting that is not valid. The message is for developers; a user sees the advice `invalid_setting`. */
export class SettingError extends Error {
  override readonly name = "SettingError";
  readonly adviceId = "invalid_setting";

  constructor(
    /** Name of the setting. */
    readonly setting: string,
    message: string,
  ) {
    super(message);
  }
}
