/** Action of `sample-generate trace`. */

import { writeFileSync } from "node:fs";
import { colorsFor, EXIT, InputError, Interrupt, note, outputTaken, plural } from "@mixtape/command-line";
import { checkModel, type LoadFlags, load, loadTokenizerOf } from "@mixtape/command-line/load";
import { type ForCausalLM, namedRouters, RoutingRecorder, type RoutingTrace } from "@mixtape/mixtape";
import { type TensorToWrite, writeSafetensors } from "@mixtape/safetensors";
import type { Tokenizer } from "@mixtape/tokenizer";
import { expertLoads } from "../expert-loads.js";
import { heatMap } from "../heat-map.js";
import { checkOutputFile } from "../output-file.js";
import { type PromptFlags, promptOf } from "../prompt.js";
import { tracePage } from "../trace-page.js";
import { write } from "../write.js";

/** Flags of `sample-generate trace`. */
export interface TraceFlags extends PromptFlags, LoadFlags {
  readonly outputs: string;
  readonly html?: string;
  readonly maxNewTokens?: number;
  readonly json?: boolean;
}

/** Default number of new tokens. */
const DEFAULT_LENGTH = 32;

/**
 * Continues a prompt and writes the experts of its tokens.
 * @returns the exit code
 */
export async function trace(flags: TraceFlags): Promise<number> {
  using interrupt = new Interrupt();
  checkModel(flags.model);
  checkOutputFile(flags.outputs, { flag: "--outputs", model: flags.model });
  if (flags.html !== undefined) checkOutputFile(flags.html, { flag: "--html", model: flags.model });
  const tokenizer = await loadTokenizerOf(flags.model, { optional: flags.promptIds !== undefined });
  const { ids: promptIds, notes } = await promptOf(flags, tokenizer, interrupt);
  for (const one of notes) note(one);
  const { engine, model } = await load(flags, interrupt);
  const experts = expertsOf(model);
  if (experts.size === 0)
    throw new InputError({
      where: flags.model,
      expected: "a model with experts",
      got: `${model.config.modelType} without experts`,
    });
  const { ids, routing } = await record(flags, model, tokenizer, promptIds, interrupt);
  const tokenIds = [...promptIds, ...ids].slice(0, routing.tokens);
  await writeSafetensors(flags.outputs, tensorsOf(routing, tokenIds), { metadata: { format: "pt" } });
  const loads = expertLoads(routing, experts);
  const { tokens, layers, slots } = routing;
  if (flags.html !== undefined) {
    const title = `${flags.model}: ${plural(tokens, "token")}`;
    writeFileSync(flags.html, tracePage({ title, trace: routing, loads, texts: textsOf(tokenIds, tokenizer) }));
  }
  if (flags.json) {
    const { model: folder, outputs } = flags;
    const result = { model: folder, engine: engine.name, outputs, promptIds, ids, tokens, layers, slots, loads };
    process.stdout.write(`${JSON.stringify(result)}\n`);
  } else {
    process.stdout.write(heatMap(loads, columnsLeft(), colorsFor(process.stdout).dim));
    const used = routing.indices.filter((expert) => expert >= 0).length / (tokens * loads.length);
    process.stderr.write(
      `${plural(tokens, "token")}, ${Number(used.toFixed(2))} experts for each; [${tokens}, ${layers}, ${slots}] in ${flags.outputs}\n`,
    );
  }
  await outputTaken();
  return interrupt.came ? EXIT.interrupted : 0;
}

async function record(
  { maxNewTokens = DEFAULT_LENGTH }: TraceFlags,
  model: ForCausalLM,
  tokenizer: Tokenizer | null,
  promptIds: readonly number[],
  interrupt: Interrupt,
): Promise<{ ids: readonly number[]; routing: RoutingTrace }> {
  const recorder = new RoutingRecorder();
  try {
    const options = { maxNewTokens, temperature: 0, routing: recorder };
    const { ids } = await write(model, tokenizer, promptIds, options, interrupt, () => {});
    const [routing] = await recorder.read(model.config.numHiddenLayers);
    return { ids, routing: routing! };
  } finally {
    recorder.dispose();
  }
}

/** Number of experts of each layer that has some. */
function expertsOf(model: ForCausalLM): Map<number, number> {
  return new Map(
    model.model.layers.flatMap((layer, index) =>
      namedRouters(layer).map(([, router]) => [index, router.numExperts] as const),
    ),
  );
}

function tensorsOf({ tokens, layers, slots, indices }: RoutingTrace, ids: readonly number[]): TensorToWrite[] {
  const bytes = ({ buffer, byteOffset, byteLength }: Int16Array | BigInt64Array): Uint8Array =>
    new Uint8Array(buffer, byteOffset, byteLength);
  return [
    { name: "routed_experts", dtype: "I16", shape: [tokens, layers, slots], bytes: bytes(indices) },
    { name: "token_ids", dtype: "I64", shape: [tokens], bytes: bytes(BigInt64Array.from(ids, BigInt)) },
  ];
}

function textsOf(ids: readonly number[], tokenizer: Tokenizer | null): string[] {
  return ids.map((id) => tokenizer?.decode([id]) ?? String(id));
}

/** Returns the characters of a line that remain beside the names of layers and their notes. */
function columnsLeft(): number {
  return Math.max(16, (process.stdout.columns ?? 120) - 40);
}
