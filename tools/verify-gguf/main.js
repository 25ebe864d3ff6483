/**
 * `npm run verify:gguf -- FOLDER [--engine native]`: a real pretrained model beside llama.cpp. `tools/reference/gguf_upcycle.py` makes
 * the folder: SmolLM2-135M as a Mixtral, in several types, and what llama.cpp encodes, computes and writes.
 *
 * On float32 and float16 files the greedy text must be llama.cpp's. With quantised weights llama.cpp rounds activations to 8
 * bit and we do not. If that moves logits by at most d, another token can be the most likely where two are within 2d: along
 * llama.cpp's text its token must be ours or within 2d of it, with the d of the tokens behind the prompts. Prints a table; exits
 * with 1 if anything fails.
 */

import { createReadStream, readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";
import { generateTokens, loadModel, loadTokenizer, useEngine } from "@mixtape/mixtape";

const { values, positionals } = parseArgs({
  options: { engine: { type: "string", default: "auto" } },
  allowPositionals: true,
});
const [folder] = positionals;
if (folder === undefined) throw new Error("expected a folder, which tools/reference/gguf_upcycle.py makes, got none");

/** @type {{ what: string, of: number, good: number, seen: string }[]} */
const rows = [];
await useEngine(values.engine);
const golden = JSON.parse(readFileSync(`${folder}/greedy.json`, "utf8"));
rows.push(await encoded(`${folder}/${Object.keys(golden)[0]}`));
for (const [file, texts] of Object.entries(golden)) rows.push(await written(`${folder}/${file}`, file, texts));
console.log("| test | texts | passed | result |\n|---|---:|---:|---|");
for (const { what, of, good, seen } of rows) console.log(`| ${what} | ${of} | ${good} | ${seen} |`);
process.exit(rows.every(({ of, good }) => of === good) ? 0 : 1);

/** Compares the ids of many texts. */
async function encoded(path) {
  const tokenizer = await loadTokenizer(path);
  const counts = { of: 0, good: 0 };
  let lossy = 0;
  for await (const line of createInterface({ input: createReadStream(`${folder}/ids.jsonl`) })) {
    const { text, ids, decoded } = JSON.parse(line);
    const own = tokenizer.encode(text);
    if (own.join() === ids.join() && tokenizer.decode(ids) === decoded) counts.good++;
    // Of a character whose bytes are not all in the vocabulary, either drops one, and neither has the text.
    else if (tokenizer.decode(ids) !== text && tokenizer.decode(own) !== text) lossy++;
    counts.of++;
  }
  return {
    what: "token ids",
    of: counts.of,
    good: counts.good + lossy,
    seen: `${lossy} have characters that the vocabulary cannot write`,
  };
}

/** Compares logits, and greedy text. */
async function written(path, file, texts) {
  const model = await loadModel(path);
  /** @type {{ differences: number[], margins: number[], isSame: boolean }[]} */
  const found = [];
  for (const { ids, logits, greedy } of texts) {
    const own = await logitsOf(model, [...ids, ...greedy.slice(0, -1)], greedy.length);
    const text = [];
    const options = { maxNewTokens: greedy.length, eosTokenId: [], doSample: false };
    for await (const { id } of generateTokens(model, [ids], options)) text.push(id);
    found.push({
      differences: logits.map((value, i) => Math.abs(value - own[0][i])).sort((a, b) => a - b),
      margins: greedy.map((token, i) => Math.max(...own[i]) - own[i][token]),
      isSame: text.join() === greedy.join(),
    });
  }
  model.dispose();
  const isExact = /F32|F16/.test(file);
  const largest = Math.max(...found.map(({ differences }) => differences.at(-1)));
  const median = Math.max(...found.map(({ differences }) => differences[differences.length >> 1]));
  const margins = found.flatMap((text) => text.margins);
  const isGood = (text) => (isExact ? text.isSame : text.margins.every((margin) => margin <= 2 * largest));
  const seen =
    `logits differ by ${median.toPrecision(2)} (median) to ${largest.toPrecision(2)}; ${found.filter(({ isSame }) => isSame).length} texts are ` +
    `the same; ${margins.filter((margin) => margin === 0).length} of ${margins.length} tokens, the others within ${Math.max(...margins).toPrecision(2)}`;
  return { what: file, of: texts.length, good: found.filter(isGood).length, seen };
}

/** Returns the logits of the last positions. */
async function logitsOf(model, ids, logitsToKeep) {
  const { logits } = model.forward({ inputIds: [ids], logitsToKeep });
  const [own] = await logits.array();
  logits.dispose();
  return own;
}
