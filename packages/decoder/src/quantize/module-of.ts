/** Returns the path of the module to which a tensor belongs: `lm_head` for `lm_head.weight`. */
export function moduleOf(name: string): string {
  return name.replace(/\.weight$/, "");
}
