/** Ports of the tests: the stack, a page that it allows, one that it does not, the React example, and a stack for the leak. */
const first = Number(process.env["FALCONER_TEST_PORT"] ?? 9880);

export const PORTS = { stack: first, allowed: first + 3, other: first + 4, demo: first + 5, drill: first + 6 };
