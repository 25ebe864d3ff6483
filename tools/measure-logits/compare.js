/** Logits of two models for one token. */

/** Differences of two rows of logits, and KL(p ‖ q) of their distributions. */
export function compare(/** @type {Float32Array} */ p, /** @type {Float32Array} */ q, /** @type {number} */ next) {
  const [ofP, ofQ] = [logSumExp(p), logSumExp(q)];
  let [divergence, difference, squares, largest] = [0, 0, 0, 0];
  for (let i = 0; i < p.length; i++) {
    const log = p[i] - ofP;
    divergence += Math.exp(log) * (log - (q[i] - ofQ));
    const off = Math.abs(p[i] - q[i]);
    difference += off;
    squares += off * off;
    if (off > largest) largest = off;
  }
  const isSame = likeliest(p) === likeliest(q);
  const surprisal = [ofP - p[next], ofQ - q[next]];
  return { divergence, difference: difference / p.length, squares: squares / p.length, largest, isSame, surprisal };
}

function logSumExp(/** @type {Float32Array} */ x) {
  const largest = x[likeliest(x)];
  let sum = 0;
  for (const value of x) sum += Math.exp(value - largest);
  return largest + Math.log(sum);
}

function likeliest(/** @type {Float32Array} */ x) {
  let best = 0;
  for (let i = 1; i < x.length; i++) if (x[i] > x[best]) best = i;
  return best;
}
