/** Time for which a page or a server goes on after its last answer, while nobody answers: the interval between two checks of
 * the built-in policy, within which a revocation may arrive late. */
export const GRACE_SECONDS = 86_400;
