/**
 * `npm run measure:quantization -- REFERENCE MODEL… --text FILE`: logits of quantised weights, beside those of the weights that they were made of.
 *
 * A model is a folder or a GGUF file. The text is read in pieces of `--context` tokens, from token `--skip` on, and the distributions
 * of the next token are compared with those of the reference. All models are in memory together.
 */

import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { currentEngine, loadModel, loadTokenizer, useEngine } from "@mixtape/mixtape";
import { distributionOf, divergence } from "./divergence.js";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    engine: { type: "string", default: "auto" },
    precision: { type: "string" },
    text: { type: "string" },
    tokens: { type: "string", default: "50000" },
    skip: { type: "string", default: "0" },
    context: { type: "string", default: "512" },
  },
});
const [reference, ...others] = positionals;
if (reference === undefined || others.length === 0 || values.text === undefined)
  throw new Error("expected REFERENCE MODEL… --text FILE");
await useEngine(
  /** @type {any} */ (values.engine),
  /** @type {any} */ (values.precision ? { precision: values.precision } : {}),
);
const names = [reference, ...others];
const models = await Promise.all(
  names.map(async (name) => /** @type {import("@mixtape/mixtape").ForCausalLM} */ (await loadModel(name))),
);
const all = (await loadTokenizer(reference)).encode(readFileSync(values.text, "utf8"), { addSpecialTokens: false });
const ids = all.slice(Number(values.skip));
const count = Math.min(Number(values.tokens), ids.length - 1);
const context = Number(values.context);
console.log(
  `${currentEngine()?.name ?? values.engine}; ${values.text}: ${count} of ${all.length} tokens from ${values.skip} on, in pieces of ${context}`,
);

const sums = others.map(() => ({ divergence: 0, worst: 0, same: 0, surprisal: 0 }));
let own = 0;
let done = 0;
for (let start = 0; start < count; start += context) {
  const piece = ids.slice(start, Math.min(start + context, count));
  const expected = await logitsOf(0, piece);
  const size = expected.length / piece.length;
  const rows = piece.map((_, i) => distributionOf(expected.subarray(i * size, (i + 1) * size)));
  for (const [i, row] of rows.entries()) own += row.logSumExp - row.logits[ids[start + i + 1]];
  for (const [which, sum] of sums.entries()) {
    const logits = await logitsOf(which + 1, piece);
    for (const [i, row] of rows.entries()) {
      const one = divergence(row, logits.subarray(i * size, (i + 1) * size));
      sum.divergence += one.divergence;
      sum.worst = Math.max(sum.worst, one.divergence);
      sum.same += one.isSame ? 1 : 0;
      sum.surprisal += one.logSumExp - logits[i * size + ids[start + i + 1]];
    }
  }
  done += piece.length;
  if (process.stderr.isTTY) process.stderr.write(`\r${done} of ${count} tokens`);
}
if (process.stderr.isTTY) process.stderr.write("\n");
console.log(`| weights | bits a weight | mean KL divergence (nats) | largest | same likeliest token | perplexity |
|---|---:|---:|---:|---:|---:|
| ${names[0]} | ${bitsOf(0)} | | | | ${Math.exp(own / done).toFixed(3)} |`);
for (const [which, { divergence: nats, worst, same, surprisal }] of sums.entries())
  console.log(
    `| ${others[which]} | ${bitsOf(which + 1)} | ${(nats / done).toPrecision(3)} | ${worst.toPrecision(3)} | ${((100 * same) / done).toFixed(2)} % | ${Math.exp(surprisal / done).toFixed(3)} |`,
  );

async function logitsOf(/** @type {number} */ which, /** @type {number[]} */ piece) {
  const { logits } = models[which].forward({ inputIds: [piece], outputRouterLogits: false });
  const numbers = /** @type {Float32Array} */ (await logits.data()).slice();
  logits.dispose();
  return numbers;
}

/** Bits of the files with weights, by the number of weights. */
function bitsOf(/** @type {number} */ which) {
  const path = names[which];
  const files = statSync(path).isDirectory()
    ? readdirSync(path)
        .filter((name) => name.endsWith(".safetensors"))
        .map((name) => join(path, name))
    : [path];
  const bytes = files.reduce((sum, file) => sum + statSync(file).size, 0);
  let weights = 0;
  for (const [, { shape }] of models[0].namedParameters()) weights += shape.reduce((product, n) => product * n, 1);
  return ((8 * bytes) / weights).toFixed(2);
}
