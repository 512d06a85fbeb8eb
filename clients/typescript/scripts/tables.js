/** Writes the tables that the Rust library has too, out of its sources: values that prove nothing, and makers of cards. With
 * `--check` it writes nothing, and fails where a file is not what it would write. */
import { readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { format } from "prettier";

const HOME = dirname(import.meta.dirname);
const source = (path) => readFileSync(join(HOME, "../..", path), "utf8");
const VALUES = "shared/falconer-domain/src/placeholders/mod.rs";
const CARDS = "clients/rust/src/hardware/cards.rs";

/** Each file with its text. */
const FILES = {
  "src/node/hardware/placeholder-table.ts": [
    "/** Values that look like hardware and prove nothing. `npm run tables` writes this file out of",
    ` * \`${VALUES}\`. */`,
    "",
    "/** Texts that prove nothing, whatever label they come under. */",
    setOf("TEXTS", groupsOf("TEXTS")),
    "",
    "/** Ids and addresses that machines share, without separators. */",
    setOf("NUMBERS", groupsOf("NUMBERS")),
    "",
    "/** How addresses begin that a product gives out anew on each machine: VMware's host adapters, VirtualBox's host-only",
    " * network, Docker, and Google Compute Engine's guests. */",
    `export const ADDRESS_PREFIXES: readonly string[] = ${JSON.stringify(textsOf("ADDRESS_PREFIXES"))};`,
    "",
    "/** Digits in a row that nobody's serial number has. */",
    `export const COUNTING: readonly string[] = ${JSON.stringify(textsOf("COUNTING"))};`,
  ],
  "src/node/hardware/card-makers.ts": [
    `/** Makers of network cards whose addresses prove nothing (IEEE's registry of makers). \`npm run tables\` writes this file out`,
    ` * of \`${CARDS}\`. */`,
    "",
    "/** Makers of hypervisors, whose addresses are those of the guests' and of their own cards. Outside a guest such a card is",
    " * software: every computer with VMware Workstation has one. */",
    setOf("HYPERVISORS", makersOf("HYPERVISORS")),
    "",
    "/** Makers of docking stations and adapters, and of the chips in them. At a hot desk the address belongs to the desk. No",
    " * computer has a card of theirs built in. */",
    setOf("DOCKS", makersOf("DOCKS")),
  ],
};

const isCheck = process.argv.includes("--check");
for (const [path, lines] of Object.entries(FILES)) {
  const text = await format(lines.join("\n"), { parser: "typescript", printWidth: 120 });
  if (!isCheck) {
    writeFileSync(join(HOME, path), text);
    console.log(path);
  } else if (readFileSync(join(HOME, path), "utf8") !== text) {
    console.error(`${path} is not what the Rust library has: run \`npm run tables\` in clients/typescript`);
    process.exitCode = 1;
  }
}

/** Declaration of a set, with a comment in front of each group. */
function setOf(name, groups) {
  const lines = groups.flatMap(([comment, values]) => [
    `// ${comment}`,
    ...values.map((value) => `${JSON.stringify(value)},`),
  ]);
  return `export const ${name}: ReadonlySet<string> = new Set([\n${lines.join("\n")}\n]);`;
}

/** Sources and values of a constant that is a list of groups. */
function groupsOf(name) {
  const body = bodyOf(VALUES, new RegExp(`const ${name}: &\\[Group\\] = &\\[\\n(.*?)\\n\\];`, "s")).replace(
    /^\s*\/\/.*$/gm,
    "",
  );
  const tokens = body.match(/"(?:[^"\\]|\\.)*"|\w+|\S/g) ?? [];
  const expect = (...wanted) => {
    for (const word of wanted)
      if (tokens.shift() !== word)
        throw new Error(`${VALUES}: ${name} is not written as it was: \`${word}\` is missing`);
  };
  const groups = [];
  while (tokens.length > 0) {
    expect("Group", "{", "source", ":");
    const [comment, values] = [JSON.parse(tokens.shift()), []];
    expect(",", "values", ":", "&", "[");
    while (tokens[0] !== "]") {
      values.push(JSON.parse(tokens.shift()));
      if (tokens[0] !== "]") expect(",");
    }
    expect("]", ",", "}", ",");
    groups.push([comment, values]);
  }
  return groups;
}

/** Texts of a constant that is a list of texts. */
function textsOf(name) {
  return JSON.parse(`[${bodyOf(VALUES, new RegExp(`const ${name}: \\[&str; \\d+\\] = \\[(.*?)\\];`, "s"))}]`);
}

/** Names and addresses of a constant that is a list of makers. */
function makersOf(name) {
  const declared = new RegExp(`const ${name}: \\[\\[u8; 3\\]; (\\d+)\\] = \\[\\n(.*?)\\n\\];`, "s").exec(source(CARDS));
  const makers = [...(declared?.[2] ?? "").matchAll(/^\s*\[0x(\w\w), 0x(\w\w), 0x(\w\w)\], \/\/ (.*)$/gm)];
  if (declared === null || makers.length !== Number(declared[1]))
    throw new Error(`${CARDS}: ${name} is not written as it was`);
  return makers.map(([, first, second, third, maker]) => [maker, [`${first}${second}${third}`.toLowerCase()]]);
}

function bodyOf(path, pattern) {
  const found = pattern.exec(source(path));
  if (found === null) throw new Error(`${path} has no ${pattern.source}`);
  return found[1];
}
