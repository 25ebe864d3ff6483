/**
 * `npm run measure:kv-cache -- MODEL --text FILE`: a model with a KV cache of int8, beside the same model with the engine's own.
 *
 * Quality: reads the text in pieces of `--context` tokens, each with a new cache of both kinds, 128 tokens a pass, so that most tokens attend to
 * rounded keys and values of earlier passes. Of every token, the distributions of both are compared.
 * Speed: fills both caches with the first tokens of the text, as many as `--speed` says, and takes turns at decoding from there.
 */

import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { currentEngine, loadModel, loadTokenizer, useEngine } from "@mixtape/mixtape";
import { compare } from "./compare.js";

const PASS = 128;
/** Tokens of a turn, and turns. */
const STEPS = 16;
const ROUNDS = 9;
const DTYPES = /** @type {const} */ (["auto", "int8"]);

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    engine: { type: "string", default: "auto" },
    precision: { type: "string" },
    text: { type: "string" },
    tokens: { type: "string", default: "4096" },
    context: { type: "string", default: "1024" },
    speed: { type: "string", default: "" },
  },
});
const [folder] = positionals;
if (folder === undefined || values.text === undefined) throw new Error("expected MODEL --text FILE");
await useEngine(
  /** @type {any} */ (values.engine),
  /** @type {any} */ (values.precision ? { precision: values.precision } : {}),
);
const model = /** @type {import("@mixtape/mixtape").ForCausalLM} */ (await loadModel(folder));
const ids = (await loadTokenizer(folder)).encode(readFileSync(values.text, "utf8"), { addSpecialTokens: false });
console.log(`${folder}, ${currentEngine()?.name ?? values.engine}; ${values.text}: ${ids.length} tokens`);
if (Number(values.tokens) > 0) await quality(Number(values.tokens), Number(values.context));
for (const length of values.speed.split(",").filter((text) => text !== "")) await speed(Number(length));

/** Compares the logits of `count` tokens. */
async function quality(/** @type {number} */ count, /** @type {number} */ context) {
  const sums = { tokens: 0, divergence: 0, difference: 0, squares: 0, same: 0, surprisal: [0, 0] };
  let largest = 0;
  let worst = 0;
  for (let start = 0; start < count; start += context) {
    const caches = DTYPES.map((kvCacheDtype) => model.createCache({ kvCacheDtype }));
    for (let from = start; from < Math.min(start + context, count); from += PASS) {
      const pass = ids.slice(from, Math.min(from + PASS, start + context, count));
      const [full, rounded] = await Promise.all(caches.map((cache) => logitsOf(pass, cache)));
      const size = full.length / pass.length;
      for (let i = 0; i < pass.length; i++) {
        const [p, q] = [full, rounded].map((all) => all.subarray(i * size, (i + 1) * size));
        const one = compare(p, q, ids[from + i + 1]);
        sums.tokens++;
        sums.divergence += one.divergence;
        sums.difference += one.difference;
        sums.squares += one.squares;
        sums.same += one.isSame ? 1 : 0;
        for (const [which, nats] of one.surprisal.entries()) sums.surprisal[which] += nats;
        largest = Math.max(largest, one.largest);
        worst = Math.max(worst, one.divergence);
      }
    }
    for (const cache of caches) cache.dispose();
  }
  const mean = (/** @type {number} */ sum) => (sum / sums.tokens).toPrecision(3);
  const [own, other] = sums.surprisal.map((nats) => Math.exp(nats / sums.tokens).toFixed(3));
  console.log(`| tokens | mean difference of logits | root mean square | largest | mean KL divergence (nats) | largest | same likeliest token | perplexity |
|---:|---:|---:|---:|---:|---:|---:|---:|
| ${sums.tokens} | ${mean(sums.difference)} | ${Math.sqrt(sums.squares / sums.tokens).toPrecision(3)} | ${largest.toPrecision(3)} | ${mean(sums.divergence)} | ${worst.toPrecision(3)} | ${((100 * sums.same) / sums.tokens).toFixed(2)} % | ${own} → ${other} |`);
}

async function logitsOf(
  /** @type {number[]} */ pass,
  /** @type {import("@mixtape/mixtape").Cache} */ cache,
  captureGraph = false,
) {
  const { logits } = model.forward({ inputIds: [pass], cache, outputRouterLogits: false, captureGraph });
  const numbers = /** @type {Float32Array} */ (await logits.data()).slice();
  logits.dispose();
  return numbers;
}

/** Times decode steps behind `length` tokens, in turns. */
async function speed(/** @type {number} */ length) {
  const caches = DTYPES.map((kvCacheDtype) => model.createCache({ kvCacheDtype }));
  const prefill = [];
  for (const cache of caches) {
    const start = performance.now();
    for (let from = 0; from < length; from += PASS)
      model
        .forward({
          inputIds: [ids.slice(from, Math.min(from + PASS, length))],
          cache,
          outputRouterLogits: false,
          logitsToKeep: 1,
        })
        .logits.dispose();
    prefill.push((1000 * length) / (performance.now() - start));
  }
  /** @type {number[][]} */
  const times = caches.map(() => []);
  for (let round = 0; round <= ROUNDS; round++)
    for (const [which, cache] of caches.entries()) {
      // The first steps capture their graph.
      for (let step = 0; step < 4; step++) await logitsOf([ids[step]], cache, true);
      const start = performance.now();
      for (let step = 0; step < STEPS; step++) await logitsOf([ids[step]], cache, true);
      if (round > 0) times[which].push((performance.now() - start) / STEPS);
      cache.truncate(length);
    }
  for (const cache of caches) cache.dispose();
  const medians = times.map((one) => one.sort((a, b) => a - b)[one.length >> 1]);
  console.log(`| context | cache | prefill | decode |\n|---:|---|---:|---:|`);
  for (const [which, dtype] of DTYPES.entries())
    console.log(
      `| ${length} | ${dtype} | ${prefill[which].toFixed(0)} tokens/s | ${medians[which].toFixed(2)} ms, ${(1000 / medians[which]).toFixed(1)} tokens/s |`,
    );
}
