/**
 * Returns the ids of the `count` largest logits, largest first; of equals the lower id. `count` is small: one comparison rejects most
 * logits.
 */
export function largestIds(logits: Float32Array, count: number): number[] {
  const ids: number[] = [];
  if (count === 0) return ids;
  for (let id = 0; id < logits.length; id++) {
    const logit = logits[id]!;
    if (ids.length === count && logit <= logits[ids[count - 1]!]!) continue;
    let place = ids.length < count ? ids.length : count - 1;
    for (; place > 0 && logits[ids[place - 1]!]! < logit; place--) ids[place] = ids[place - 1]!;
    ids[place] = id;
  }
  return ids;
}
