/**
 * `npm run measure:quantization -- REFERENCE MODEL… --text FILE`: logits of quantised weights, beside those of the weights that they were made of.
 *
 * A model is a folder or a GGUF file. The text is read in pieces of `--context` tokens, and the distributions of the next token are
 * compared with those of the reference. All models are in memory together.
 */

import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { currentEngine, loadModel, loadTokenizer, useEngine } from "@mixtape/mixtape";
import { compare } from "./compare.js";

/** Tokens of a forward pass. */
const PASS = 128;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    engine: { type: "string", default: "auto" },
    precision: { type: "string" },
    text: { type: "string" },
    tokens: { type: "string", default: "50000" },
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
const ids = (await loadTokenizer(reference)).encode(readFileSync(values.text, "utf8"), { addSpecialTokens: false });
const count = Math.min(Number(values.tokens), ids.length - 1);
const context = Number(values.context);
console.log(
  `${currentEngine()?.name ?? values.engine}; ${values.text}: ${count} of ${ids.length} tokens, in pieces of ${context}`,
);

const sums = others.map(() => ({ divergence: 0, worst: 0, same: 0, surprisal: [0, 0] }));
let done = 0;
for (let start = 0; start < count; start += context) {
  const caches = models.map((model) => model.createCache());
  const end = Math.min(start + context, count);
  for (let from = start; from < end; from += PASS) {
    const pass = ids.slice(from, Math.min(from + PASS, end));
    const expected = await logitsOf(0, pass, caches[0]);
    const size = expected.length / pass.length;
    for (const [which, sum] of sums.entries()) {
      const logits = await logitsOf(which + 1, pass, caches[which + 1]);
      for (let i = 0; i < pass.length; i++) {
        const [p, q] = [expected, logits].map((all) => all.subarray(i * size, (i + 1) * size));
        const one = compare(p, q, ids[from + i + 1]);
        sum.divergence += one.divergence;
        sum.worst = Math.max(sum.worst, one.divergence);
        sum.same += one.isSame ? 1 : 0;
        for (const [k, nats] of one.surprisal.entries()) sum.surprisal[k] += nats;
      }
    }
    done += pass.length;
  }
  for (const cache of caches) cache.dispose();
  if (process.stderr.isTTY) process.stderr.write(`\r${done} of ${count} tokens`);
}
if (process.stderr.isTTY) process.stderr.write("\n");
const [own] = sums[0].surprisal.map((nats) => Math.exp(nats / done).toFixed(3));
console.log(`| weights | bits a weight | mean KL divergence (nats) | largest | same likeliest token | perplexity |
|---|---:|---:|---:|---:|---:|
| ${names[0]} | ${bitsOf(0)} | | | | ${own} |`);
for (const [which, { divergence, worst, same, surprisal }] of sums.entries())
  console.log(
    `| ${others[which]} | ${bitsOf(which + 1)} | ${(divergence / done).toPrecision(3)} | ${worst.toPrecision(3)} | ${((100 * same) / done).toFixed(2)} % | ${Math.exp(surprisal[1] / done).toFixed(3)} |`,
  );

async function logitsOf(
  /** @type {number} */ which,
  /** @type {number[]} */ pass,
  /** @type {import("@mixtape/mixtape").Cache} */ cache,
) {
  const { logits } = models[which].forward({ inputIds: [pass], cache, outputRouterLogits: false });
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
