import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type DecoderConfig, ropeFrequencies } from "@mixtape/config";
import type { CausalLMInputs, ForCausalLM, ModelClass } from "@mixtape/decoder";
import { fromFloat32, viewOfBytes } from "@mixtape/safetensors";
import { dispose, randomNormal, type Tensor } from "@tensorflow/tfjs-core";
import type { Values } from "../all-close.js";
import { goldenNames, ownerOf, readCase } from "../golden.js";

/** A class of models under test. */
export type Family<C extends DecoderConfig> = ModelClass<ForCausalLM<C>, C>;

/** A model that is tested for self-consistency. */
export interface Subject<C extends DecoderConfig> {
  readonly name: string;
  /** The kinds of its layers and of its RoPE frequencies: what caches depend on. */
  readonly kind: string;
  /** Folder of its checkpoint, if it has one. */
  readonly folder?: string;
  /** Creates a new model on the current engine. */
  create(): Promise<ForCausalLM<C>>;
}

/** Tolerance of numbers that a model computed in two ways. */
export const SAME = { atol: 1e-4 };

/**
 * Returns the golden checkpoints in float32, `basic` first. Left out are those that only store another's weights differently,
 * and those of a RoPE type whose frequencies are constant: layers see its cosines and sines alone, and the reference's text is
 * generated with a cache.
 */
export function goldenSubjects<C extends DecoderConfig>(Model: Family<C>, folder: string): Subject<C>[] {
  const names = goldenNames(folder).sort((a, b) => Number(b === "basic") - Number(a === "basic"));
  return names.flatMap((name) => {
    const own = join(folder, name);
    if (ownerOf(own) !== own || readCase(own).weights !== "float32") return [];
    const config = Model.family.config.parse(JSON.parse(readFileSync(join(own, "config.json"), "utf8")));
    const { ropeType } = config.ropeParameters;
    if (ropeType !== "default" && !changesWithLength(config)) return [];
    return [{ name, kind: kindOf(config), folder: own, create: () => Model.fromPretrained(own) }];
  });
}

/** Returns the first subject of each kind. */
export function oneOfEachKind<S extends { readonly kind: string }>(subjects: readonly S[]): S[] {
  return subjects.filter(({ kind }, i) => subjects.findIndex((other) => other.kind === kind) === i);
}

function kindOf(config: DecoderConfig): string {
  const mixers = [...new Set(config.layerTypes)].sort();
  const { ropeType } = config.ropeParameters;
  return JSON.stringify([mixers, config.slidingWindow !== null, changesWithLength(config) ? ropeType : "constant"]);
}

/** Returns a model of that config with random values, spread so that every part of it matters. */
export function freshSubject<C extends DecoderConfig>(Model: Family<C>, config: C): Subject<C> {
  return {
    name: "fresh",
    kind: kindOf(config),
    async create() {
      const model = new Model(config);
      await model.initialize({ seed: 1, std: 0.3 });
      let seed = 1;
      for (const [name, param] of model.namedParameters()) {
        if (param.init === "normal") continue;
        const values = randomNormal([...param.shape], param.init === "ones" ? 1 : 0, 0.2, "float32", seed++);
        const bytes = fromFloat32((await values.data()) as Float32Array, "F32");
        values.dispose();
        await param.load(viewOfBytes(name, "F32", param.shape, bytes));
      }
      return model;
    },
  };
}

/**
 * Returns token ids without a pattern, `[rows, length]`. No model of the golden files amplifies rounding much on them:
 * two ways to compute the same value stay within {@link SAME}.
 */
export function sampleText(rows: number, length: number, { vocabSize }: DecoderConfig): number[][] {
  return Array.from({ length: rows }, (_, row) =>
    Array.from({ length }, (_, i) => (i * i * 11 + i * 3 + row * 31 + 5) % vocabSize),
  );
}

/**
 * Returns a length beyond which all windows of a model have slid, but within which its frequencies do not depend on the
 * length: some RoPE types change them, and keys in a cache are not rotated again. There, cached decoding differs from a
 * full forward pass, in the reference too.
 */
export function longLength(config: DecoderConfig): number {
  const most = Math.min(2 * (config.slidingWindow ?? 0) + 12, config.maxPositionEmbeddings);
  const first = frequenciesAt(config, 1);
  let length = 1;
  while (length < most && frequenciesAt(config, length + 1) === first) length++;
  return length;
}

function frequenciesAt(config: DecoderConfig, length: number): string {
  return ropeFrequencies(config.ropeParameters, { ...config, length }).inverse.join();
}

/** Whether RoPE frequencies depend on the length of the text. */
function changesWithLength(config: DecoderConfig): boolean {
  return frequenciesAt(config, 1) !== frequenciesAt(config, 2 ** 20);
}

/** Returns the logits of a forward pass. */
export async function logitsOf(model: ForCausalLM, inputs: CausalLMInputs): Promise<Values> {
  const output = model.forward(inputs);
  const { logits } = output;
  const values = { shape: logits.shape, values: (await logits.data()) as Float32Array };
  for (const one of Object.values(output)) dispose(one as Tensor | Tensor[]);
  return values;
}

/** Returns positions `[from, to)` of one row of logits `[B, L, V]`. */
export function positions({ shape, values }: Values, row: number, from: number, to: number): Values {
  const [, length, width] = shape as [number, number, number];
  const start = row * length;
  return { shape: [1, to - from, width], values: values.subarray((start + from) * width, (start + to) * width) };
}
