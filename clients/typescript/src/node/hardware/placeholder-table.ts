/** Values that look like hardware and prove nothing. `npm run tables` writes this file out of
 * `shared/falconer-domain/src/placeholders/mod.rs`. */

/** Texts that prove nothing, whatever label they come under. */
export const TEXTS: ReadonlySet<string> = new Set([
  // firmware tables as dmidecode and lshw print them
  "none",
  "unknown",
  "unknow",
  "default string",
  "default_string",
  "default",
  "to be filled by o.e.m.",
  "to be filled by oem",
  "filled by oem",
  "not specified",
  "not applicable",
  "not available",
  "not present",
  "not settable",
  "no asset information",
  "system manufacturer",
  "system product name",
  "system serial number",
  "systemserialnumb",
  "base board serial number",
  "board serial number",
  "type2 - board serial number",
  "chassis serial number",
  "serial number",
  "oem",
  "o.e.m.",
  "oem_serial",
  "invalid",
  "empty",
  "standard",
  "bsn12345678901234567",
  // the serial numbers that GLPI and OCS Inventory refuse as a machine's own (glpi_blacklists)
  "(null string)",
  "sys-1234567890",
  "sys-9876543210",
  "sn-12345",
  "sn-1234567890",
  "sn-123456fvgv3i0b8o5n6n7k",
  "mb-1234567890",
  "serial number xxxxxx",
  "tulip computers",
  "iatpass",
  "eval",
  "123456789000",
  "12345678901234567",
  // machine-id(5): an image that is configured at its first start
  "uninitialized",
  // what languages and inventory programs write for a value that is missing
  "n/a",
  "na",
  "nan",
  "null",
  "nil",
  "(null)",
  "undefined",
  "[object object]",
  "true",
  "false",
  "error",
  "unavailable",
  "notavailable",
  "not found",
  "no serial number",
]);

/** Ids and addresses that machines share, without separators. */
export const NUMBERS: ReadonlySet<string> = new Set([
  // UUIDs of boards that nobody filled in: GLPI and OCS Inventory, as above
  "03000200040005000006000700080009",
  "6ab5b300538d10149fb5b0684d007b53",
  "03d40274043505dc8506010700080009",
  "000102030405060708090a0b0c0d0e0f",
  "030201000504070608090a0b0c0d0e0f",
  // GLPI and OCS Inventory, as above: modems, Windows' WAN miniports and loopbacks, tunnels, Xen's bridge
  "00a0c6000000",
  "000bcafe0000",
  "02004e435049",
  "02004c4f4f50",
  "028037ec0200",
  "204153594eff",
  "24b620524153",
  "33506f453030",
  "505054503030",
  "d20a2da004be",
  "d26b252f2ce7",
  "e2e616200a35",
  "feffffffffff",
  // host adapters of VMware (vmnet0 to vmnet9), VirtualBox and Parallels: one address in every installation
  "005056c00000",
  "005056c00001",
  "005056c00002",
  "005056c00003",
  "005056c00004",
  "005056c00005",
  "005056c00006",
  "005056c00007",
  "005056c00008",
  "005056c00009",
  "0a0027000000",
  "001c42000008",
  "001c42000009",
  // QEMU's documentation: the address of a card whose address nobody chose, and of the cards after it
  "525400123456",
  "525400123457",
  "525400123458",
  "525400123459",
  // Android 6 and iOS 7, whose interfaces report one constant instead of the card's address
  "020000000000",
  // Docker: the first containers of the default bridge, whose address is made of 172.17.0.2 and on
  "0242ac110002",
  "0242ac110003",
  "0242ac110004",
  "0242ac110005",
  "0242ac110006",
  "0242ac110007",
  "0242ac110008",
  "0242ac110009",
]);

/** How addresses begin that a product gives out anew on each machine: VMware's host adapters, VirtualBox's host-only
 * network, Docker, and Google Compute Engine's guests. */
export const ADDRESS_PREFIXES: readonly string[] = ["005056c0", "0a002700", "0242", "4201"];

/** Digits in a row that nobody's serial number has. */
export const COUNTING: readonly string[] = ["01234567890123456789", "12345678901234567890"];
