/** Kullback–Leibler divergence of many models from one: the exponentials of the one are computed once. */

/** Distribution of a row of logits. */
export function distributionOf(/** @type {Float32Array} */ logits) {
  const { likeliest, logSumExp } = summaryOf(logits);
  const probabilities = new Float32Array(logits.length);
  let mean = 0;
  for (let i = 0; i < logits.length; i++) {
    probabilities[i] = Math.exp(logits[i] - logSumExp);
    mean += probabilities[i] * logits[i];
  }
  return { logits, likeliest, logSumExp, probabilities, mean };
}

/** KL(p ‖ q) in nats: `Σ p (log p − log q)`, as `Σ p · logits of p − Σ p · logits of q`, less the difference of their log-sum-exps. */
export function divergence(
  /** @type {ReturnType<typeof distributionOf>} */ { probabilities, likeliest, logSumExp, mean },
  /** @type {Float32Array} */ q,
) {
  const other = summaryOf(q);
  let meanOfQ = 0;
  for (let i = 0; i < q.length; i++) meanOfQ += probabilities[i] * q[i];
  return {
    divergence: mean - meanOfQ - logSumExp + other.logSumExp,
    logSumExp: other.logSumExp,
    isSame: likeliest === other.likeliest,
  };
}

function summaryOf(/** @type {Float32Array} */ x) {
  let likeliest = 0;
  for (let i = 1; i < x.length; i++) if (x[i] > x[likeliest]) likeliest = i;
  const largest = x[likeliest];
  let sum = 0;
  for (let i = 0; i < x.length; i++) sum += Math.exp(x[i] - largest);
  return { likeliest, logSumExp: largest + Math.log(sum) };
}
