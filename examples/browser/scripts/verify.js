/**
 * Checks the page in a real browser: `npm run verify:browser` at the top of the repository.
 *
 * The page's text equals Node's for the same seed, from a URL and from chosen files; Stop stops; logits of golden
 * checkpoints agree with the reference on wasm, cpu and webgpu; LoRA has the losses of Node; all of it under a strict
 * content security policy, without an error on the console. `--screenshots FOLDER` keeps pictures. Needs a Chromium;
 * CHROMIUM names one.
 */

import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { generateText, loadModel, loadTokenizer, useEngine } from "@mixtape/mixtape";
import { TOKENIZER_FILES } from "@mixtape/tokenizer";
import { build } from "esbuild";
import { chromium } from "playwright-core";
import { findChromium } from "./chromium.js";
import { serve } from "./server.js";
import { printSizes } from "./sizes.js";
import { lossesOnWasm } from "./training.js";

const folder = (/** @type {string} */ path) => fileURLToPath(new URL(path, import.meta.url));
const MODEL = folder("../../../models/sample-afmoe");
const QUANTISED = folder("../../../packages/mixtape/test/__fixtures__/gguf/qwen3moe.Q8_0.gguf");
const GOLDENS = folder("../../../packages/testing/__fixtures__/models");

/** One checkpoint for each family; one without its own golden file uses that of the checkpoint that it respells. */
const CASES = [
  { checkpoint: "mixtral/basic-sharded", golden: "mixtral/basic" },
  { checkpoint: "qwen3-moe/basic-fused", golden: "qwen3-moe/basic" },
  { checkpoint: "afmoe/left-padded", golden: "afmoe/left-padded" },
];
/** Files that a checkpoint may lack. The page requests them, and a browser reports every 404 on its console. */
const OPTIONAL = ["model.safetensors", "generation_config.json", ...TOKENIZER_FILES];
const ENGINES = /** @type {const} */ (["wasm", "cpu", "webgpu"]);
const TOLERANCE = 1e-4;
/** Tolerance of a loss in nats, after up to 20 steps with different rounding. */
const LOSS_TOLERANCE = 1e-3;
const SCREEN = { width: 900, height: 820 };

const PROMPT = "It was a fine morning, and";
const TEMPERATURE = 0.8;
/** Number of compared tokens. */
const TOKENS = 120;
/** Number of tokens of the stopped text: long enough that a stop at its first token is in time on any machine. */
const MANY_TOKENS = 900;
const FEWEST_TOKENS = 400;

/** @typedef {import("playwright-core").Page} Page */

const { values } = parseArgs({ options: { screenshots: { type: "string" } } });
const executablePath = chromiumOrExit();
const modules = mkdtempSync(join(tmpdir(), "mixtape-browser-"));
await build({
  entryPoints: [folder("../src/goldens.ts"), folder("training.js")],
  outdir: modules,
  entryNames: "[name]",
  bundle: true,
  splitting: true,
  format: "esm",
  logLevel: "warning",
});
const folders = { "/model/": MODEL, "/goldens/": GOLDENS, "/modules/": modules, "/": folder("../dist") };
const server = await serve(folders, 0);
const browser = await chromium.launch({
  executablePath,
  args: [
    "--no-sandbox",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    // WebGPU in software by Chromium itself: slow, but independent of a graphics card.
    "--enable-unsafe-webgpu",
    "--use-webgpu-adapter=swiftshader",
    "--enable-features=Vulkan",
  ],
});
try {
  printSizes(folder("../dist"));
  console.log(`Chromium ${browser.version()}`);
  await verify();
} finally {
  await browser.close();
  server.close();
  rmSync(modules, { recursive: true });
}

function chromiumOrExit() {
  try {
    return findChromium();
  } catch (error) {
    console.error(`verify:browser: ${error instanceof Error ? error.message : error}`);
    process.exit(1);
  }
}

async function verify() {
  const page = await browser.newPage({ viewport: SCREEN });
  /** @type {string[]} */
  const complaints = [];
  page.on("console", (message) => {
    const isFault = ["error", "warning"].includes(message.type());
    const isExpected = OPTIONAL.some((name) => message.location().url.endsWith(`/${name}`));
    // Message of a browser without WebGPU.
    const isNoAdapter = message.text().startsWith("No available adapters");
    if (isFault && !isExpected && !isNoAdapter) complaints.push(message.text());
  });
  page.on("pageerror", (error) => complaints.push(String(error)));
  await page.goto(server.url);
  await picture(page, "empty");

  const { expected, long } = await writeInNode();
  await page.selectOption("#engine", "wasm");
  await page.click("#load-sample");
  const fromUrl = await writeInPage(page, expected.seed);
  assert.equal(fromUrl.text, expected.text);
  console.log(`from a URL: ${TOKENS} tokens, the text of Node. ${fromUrl.model}`);
  console.log(`  ${fromUrl.speed}; the page answered every ${fromUrl.longestGapMs.toFixed(0)} ms or faster`);
  await picture(page, "written");

  const files = readdirSync(MODEL).map((name) => join(MODEL, name));
  await page.setInputFiles("#files", files);
  const fromFiles = await writeInPage(page, expected.seed);
  assert.equal(fromFiles.text, expected.text);
  console.log("from chosen files: the same text");

  await quantised(page);
  await page.setInputFiles("#files", files);
  await ready(page);

  await picturesOfWriting(page);
  console.log(await stopAtOnce(page, long));
  await picture(page, "stopped");
  await refuse(page);

  const engines = (await page.evaluate(hasWebGpu)) ? ENGINES : ENGINES.filter((engine) => engine !== "webgpu");
  if (engines.length < ENGINES.length) console.log("webgpu is not compared: this browser gives no adapter");
  for (const { checkpoint, golden } of CASES) {
    for (const engine of engines) await compareLogits(page, engine, checkpoint, golden);
  }
  await compareTraining(page);
  assert.deepEqual(complaints, [], "the console");
}

/** Loads a GGUF file: the page says what decoding it takes before it is loaded, and writes the text of Node. @param {Page} page */
async function quantised(page) {
  await useEngine("wasm");
  const [model, tokenizer] = [await loadModel(QUANTISED, { onWarning: () => {} }), await loadTokenizer(QUANTISED)];
  const { text } = await generateText(model, tokenizer, PROMPT, {
    maxNewTokens: TOKENS,
    temperature: TEMPERATURE,
    seed: 1,
  });
  model.dispose();
  await page.setInputFiles("#files", [QUANTISED]);
  const inPage = await writeInPage(page, 1);
  assert.match((await page.locator("#warnings").textContent()) ?? "", /Q8_0.* decoded to float32 .* in memory/);
  assert.equal(inPage.text, text);
  console.log("from a GGUF file: the text of Node, and a warning of the memory that decoding takes");
}

/** Returns the text of the first seed for which the model does not end early: the compared part, and in full. */
async function writeInNode() {
  await useEngine("wasm");
  const [model, tokenizer] = [await loadModel(MODEL), await loadTokenizer(MODEL)];
  const write = (/** @type {number} */ seed, /** @type {number} */ maxNewTokens) =>
    generateText(model, tokenizer, PROMPT, { maxNewTokens, temperature: TEMPERATURE, seed });
  try {
    for (let seed = 1; seed <= 50; seed++) {
      const { ids, text: long } = await write(seed, MANY_TOKENS);
      if (ids.length < FEWEST_TOKENS) continue;
      const { text } = await write(seed, TOKENS);
      return { expected: { seed, text }, long };
    }
  } finally {
    model.dispose();
  }
  throw new Error(`expected a text of ${FEWEST_TOKENS} tokens from one of 50 seeds, got none`);
}

/**
 * Waits for the model, makes the page generate, and returns its text.
 * @param {Page} page
 * @param {number} seed
 */
async function writeInPage(page, seed) {
  await ready(page);
  await page.fill("#prompt", PROMPT);
  await page.fill("#temperature", String(TEMPERATURE));
  await page.fill("#max-new-tokens", String(TOKENS));
  await page.fill("#seed", String(seed));
  const [longestGapMs] = await Promise.all([
    page.evaluate(watchFrames),
    page.click("#start").then(() => shows(page, "#speed", /ended by/)),
  ]);
  return {
    longestGapMs,
    text: await page.locator("#written").textContent(),
    model: await page.locator("#model").textContent(),
    speed: await page.locator("#speed").textContent(),
  };
}

/** Runs in the page: the longest time that it was blocked during generation. @returns {Promise<number>} */
function watchFrames() {
  return new Promise((resolve) => {
    let last = performance.now();
    let longest = 0;
    let began = false;
    const timer = setInterval(() => {
      const now = performance.now();
      longest = Math.max(longest, now - last);
      last = now;
      const isWriting = document.body.classList.contains("busy");
      began ||= isWriting;
      if (!began || isWriting) return;
      clearInterval(timer);
      resolve(longest);
    }, 5);
  });
}

/**
 * @param {Page} page
 * @param {string} whole the text of the page if it is not stopped
 */
async function stopAtOnce(page, whole) {
  await page.fill("#max-new-tokens", String(MANY_TOKENS));
  await page.evaluate(stopAtFirstText);
  await page.click("#start");
  await shows(page, "#speed", /stopped/);
  const text = (await page.locator("#written").textContent()) ?? "";
  assert.ok(
    text !== "" && text.length < whole.length && whole.startsWith(text),
    `a beginning of the text: ${JSON.stringify(text)}`,
  );
  return `stopped after ${text.length} of ${whole.length} characters`;
}

/**
 * Runs in the page: presses Stop as soon as there is text, since no way from outside is quick enough on every machine.
 */
function stopAtFirstText() {
  const written = document.getElementById("written");
  const stop = document.getElementById("stop");
  if (!written || !stop) throw new Error("expected #written and #stop in the page");
  const observer = new MutationObserver(() => {
    if (written.textContent === "") return;
    observer.disconnect();
    stop.click();
  });
  observer.observe(written, { childList: true });
}

/** @param {Page} page */
async function picturesOfWriting(page) {
  if (values.screenshots === undefined) return;
  await page.fill("#max-new-tokens", String(MANY_TOKENS));
  await page.click("#start");
  await shows(page, "#written", /.{20}/s);
  await picture(page, "writing");
  await shows(page, "#speed", /ended by/);
}

/**
 * Checks that folders without a checkpoint are refused with a reason, and that the page still works afterwards.
 * @param {Page} page
 */
async function refuse(page) {
  await page.setInputFiles("#files", [join(MODEL, "config.json"), join(MODEL, "tokenizer.json")]);
  await page.waitForSelector("#model.fault");
  const reason = await page.locator("#model").textContent();
  assert.match(reason ?? "", /model\.safetensors/);
  await picture(page, "refused");
  await page.click("#load-sample");
  await ready(page);
  console.log(`refused: ${reason}`);
}

/** Runs in the page. */
async function hasWebGpu() {
  const { gpu } = /** @type {{ gpu?: { requestAdapter(options: object): Promise<unknown> } }} */ (navigator);
  return Boolean(await gpu?.requestAdapter({ powerPreference: "high-performance" }));
}

/**
 * @param {Page} page
 * @param {(typeof ENGINES)[number]} engine
 * @param {string} checkpoint
 * @param {string} golden
 */
async function compareLogits(page, engine, checkpoint, golden) {
  const places = { checkpoint: `goldens/${checkpoint}`, golden: `goldens/${golden}/golden.safetensors` };
  const difference = await page.evaluate(
    async ([name, where]) => {
      const path = "/modules/goldens.js";
      /** @type {typeof import("../src/goldens.js")} */
      const { compare } = await import(path);
      return compare(name, where);
    },
    /** @type {const} */ ([engine, places]),
  );
  const { largest, shape } = difference;
  console.log(`${checkpoint} on ${engine}: ${shape.join(" × ")} logits within ${largest.toExponential(1)}`);
  assert.ok(largest <= TOLERANCE, `${checkpoint} on ${engine}: expected at most ${TOLERANCE}, got ${largest}`);
}

/** @param {Page} page */
async function compareTraining(page) {
  const expected = await lossesOnWasm(MODEL);
  const losses = await page.evaluate(() => {
    const path = "/modules/training.js";
    /** @type {Promise<typeof import("./training.js")>} */
    const module = import(path);
    const at = (/** @type {string} */ folder) => new URL(folder, document.baseURI);
    return module.then(({ lossesOnWasm }) => lossesOnWasm(at("model/"), at("wasm/").href));
  });
  const [first, last] = [losses[0] ?? NaN, losses.at(-1) ?? NaN];
  console.log(`LoRA on wasm: loss ${first.toFixed(4)} at first, ${last.toFixed(4)} after ${losses.length} steps`);
  assert.equal(losses.length, expected.length);
  assert.ok(last < first - 0.5, `LoRA on wasm: expected the loss to fall, got ${losses.join(", ")}`);
  for (const [step, loss] of expected.entries()) {
    const difference = Math.abs((losses[step] ?? NaN) - loss);
    assert.ok(difference <= LOSS_TOLERANCE, `step ${step + 1}: expected a loss of ${loss}, got ${losses[step]}`);
  }
}

/** @param {Page} page */
async function ready(page) {
  await page.waitForSelector("#start:enabled", { timeout: 60_000 });
}

/**
 * @param {Page} page
 * @param {string} selector
 * @param {RegExp} text
 */
async function shows(page, selector, text) {
  await page.locator(selector).filter({ hasText: text }).waitFor({ timeout: 120_000 });
}

/**
 * @param {Page} page
 * @param {string} name
 */
async function picture(page, name) {
  if (values.screenshots === undefined) return;
  mkdirSync(values.screenshots, { recursive: true });
  const before = page.viewportSize() ?? SCREEN;
  for (const [kind, viewport] of Object.entries({ screen: SCREEN, phone: { width: 390, height: 844 } })) {
    await page.setViewportSize(viewport);
    for (const colorScheme of /** @type {const} */ (["light", "dark"])) {
      await page.emulateMedia({ colorScheme });
      await page.screenshot({ path: join(values.screenshots, `${name}-${kind}-${colorScheme}.png`), fullPage: true });
    }
  }
  await page.setViewportSize(before);
}
