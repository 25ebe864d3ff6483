import type { DecoderConfig, GenerationConfig } from "@mixtape/config";
import type { CausalLMInputs, CausalLMOutput, ForCausalLM } from "@mixtape/decoder";
import { Tokenizer } from "@mixtape/tokenizer";
import { type Tensor2D, tensor, tensor2d } from "@tensorflow/tfjs-core";

/** What the model answers to the tokens of a row, padding left out: the logits of the next one, `[V]`. */
export type Script = (ids: readonly number[]) => readonly number[];

/** Logits that leave no doubt. */
export function surely(id: number, vocabSize: number): number[] {
  return Array.from({ length: vocabSize }, (_, i) => (i === id ? 10 : -10));
}

/** Settings of a scripted model. */
export interface ScriptedOptions {
  readonly vocabSize?: number;
  readonly context?: number;
  readonly ropeType?: "default" | "dynamic";
  readonly eosTokenId?: number | readonly number[];
  readonly padTokenId?: number;
  readonly generationConfig?: GenerationConfig;
}

/**
 * A model whose answers are written down, with a cache that holds tensors as a real one does. It refuses a mask that does
 * not cover the cache, and positions that do not count the tokens of their row.
 */
export class ScriptedModel {
  readonly config: DecoderConfig;
  readonly generationConfig: GenerationConfig;
  /** How many new tokens each forward pass got. */
  readonly lengths: number[] = [];
  readonly #script: Script;

  constructor(script: Script, options: ScriptedOptions = {}) {
    const {
      vocabSize = 16,
      context = 64,
      ropeType = "default",
      eosTokenId,
      padTokenId,
      generationConfig = {},
    } = options;
    this.#script = script;
    this.generationConfig = generationConfig;
    this.config = {
      vocabSize,
      maxPositionEmbeddings: context,
      ropeParameters: { ropeType },
      eosTokenId: eosTokenId ?? null,
      padTokenId: padTokenId ?? null,
    } as unknown as DecoderConfig;
  }

  /** As what `generateTokens` takes. */
  get model(): ForCausalLM {
    return this as unknown as ForCausalLM;
  }

  createCache(): ScriptedCache {
    return new ScriptedCache();
  }

  forward({ inputIds, attentionMask, positionIds, cache, logitsToKeep }: CausalLMInputs): CausalLMOutput {
    if (logitsToKeep !== 1) throw new Error(`expected logits of the last position alone, got ${logitsToKeep}`);
    const ids = inputIds as number[][];
    const held = (cache as unknown as ScriptedCache).append(ids);
    const length = held[0]!.length;
    this.lengths.push(ids[0]!.length);
    const mask = (cache as unknown as ScriptedCache).masked(
      attentionMask as number[][] | undefined,
      length,
      ids.length,
    );
    const positions = positionIds as number[][] | undefined;
    const rows = held.map((row, r) => {
      if (mask[r]!.length !== length) throw new Error(`expected a mask of ${length}, got ${mask[r]!.length}`);
      const real = row.filter((_, i) => mask[r]![i] === 1);
      // Without positions, those that follow in the cache.
      const own = positions?.[r] ?? [real.length - 1];
      if (own.at(-1) !== real.length - 1) throw new Error(`expected position ${real.length - 1}, got ${own}`);
      return this.#script(real);
    });
    return { logits: tensor(rows.flat(), [rows.length, 1, this.config.vocabSize]) };
  }
}

class ScriptedCache {
  #ids: Tensor2D | undefined;
  #mask: readonly (readonly number[])[] = [];

  /** The mask that is given, or the last one with new tokens. */
  masked(
    given: readonly (readonly number[])[] | undefined,
    length: number,
    rows: number,
  ): readonly (readonly number[])[] {
    this.#mask =
      given ??
      Array.from({ length: rows }, (_, r) => {
        const past = this.#mask[r] ?? [];
        return [...past, ...new Array<number>(length - past.length).fill(1)];
      });
    return this.#mask;
  }

  append(ids: readonly (readonly number[])[]): number[][] {
    const past = this.#ids?.arraySync() ?? ids.map(() => []);
    const all = ids.map((row, r) => [...past[r]!, ...row]);
    this.dispose();
    this.#ids = tensor2d(all, undefined, "int32");
    return all;
  }

  dispose(): void {
    this.#ids?.dispose();
    this.#ids = undefined;
  }
}

/** A tokenizer of single characters, `a` to `o`, of which `<eos>`, id 15, is special. */
export function letters(): Tokenizer {
  const vocab = Object.fromEntries([..."abcdefghijklmno"].map((letter, id) => [letter, id]));
  const plain = { single_word: false, lstrip: false, rstrip: false, normalized: false };
  return Tokenizer.fromJSON({
    model: { type: "BPE", vocab, merges: [] },
    decoder: { type: "Fuse" },
    added_tokens: [{ ...plain, id: 15, content: "<eos>", special: true }],
  });
}

/** A model that writes a text of {@link letters}, and `<eos>` behind it, after any prompt of `promptLength` tokens. */
export function writerOf(text: string, promptLength: number, options: ScriptedOptions = {}): ScriptedModel {
  const ids = [...text].map((letter) => letter.charCodeAt(0) - "a".charCodeAt(0));
  return new ScriptedModel((row) => surely(ids[row.length - promptLength] ?? 15, 16), { eosTokenId: 15, ...options });
}

/** All of an async iteration. */
export async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const item of items) list.push(item);
  return list;
}
