import { checkOptions, type OptionNames } from "@mixtape/errors";
import { Param } from "@mixtape/layers";
import { encodeWeight } from "@mixtape/ops";
import { fromFloat32, toFloat32, viewOfBytes } from "@mixtape/safetensors";
import { add, matMul, mul, randomNormal, sub, tensor1d, tensor2d, tidy } from "@tensorflow/tfjs-core";
import { DecoderError } from "./errors.js";
import type { ForCausalLM } from "./heads/causal-lm.js";

/** Options of {@link resizeTokenEmbeddings}. */
export interface ResizeOptions {
  /** Rounds the number of rows up to a multiple of this. Default: no rounding. */
  readonly padToMultipleOf?: number;
  /**
   * Whether new rows start near the mean of the old ones, so that the probabilities of the old tokens hardly change
   * (Hewitt 2021, https://nlp.stanford.edu/~johnhew/vocab-expansion.html), or as initial weights. Default: true.
   */
  readonly meanResizing?: boolean;
  /** Same seed, same new rows. Default: 0. */
  readonly seed?: number;
}

const OPTIONS: OptionNames<ResizeOptions> = { padToMultipleOf: true, meanResizing: true, seed: true };

/** Variance of new rows, as a fraction of the covariance of the old ones. As in transformers. */
const SPREAD = 1e-9;

/**
 * Resizes the embedding, and the head with it: new rows are added at the end, or the last rows are removed. Updates the
 * config's `vocabSize`. Like transformers' `resize_token_embeddings`: new rows are drawn from a normal distribution
 * with the mean of the old rows and 1e-9 times their covariance; if that covariance is singular, they equal the mean.
 *
 * Resize before adapters are applied: an adapter on the embedding or the head has the old shape.
 *
 * @param vocabSize new number of rows; null for the current number, rounded up by `padToMultipleOf`
 * @returns the number of rows
 * @throws {OptionError} for an unknown option
 * @throws {DecoderError} for sizes that are not positive integers; then nothing is changed
 */
export async function resizeTokenEmbeddings(
  model: ForCausalLM,
  vocabSize: number | null,
  options: ResizeOptions = {},
): Promise<number> {
  checkOptions("resizeTokenEmbeddings", options, OPTIONS);
  const { padToMultipleOf = 1, meanResizing = true, seed = 0 } = options;
  const { config, lmHead } = model;
  const { embedTokens } = model.model;
  checkSize("padToMultipleOf", padToMultipleOf);
  checkSize("vocabSize", vocabSize ?? config.vocabSize);
  const rows = Math.ceil((vocabSize ?? config.vocabSize) / padToMultipleOf) * padToMultipleOf;
  if (rows === config.vocabSize) return rows;
  const holders = [{ name: "embed_tokens.weight", holder: embedTokens as Holder }];
  if (lmHead) holders.push({ name: "lm_head.weight", holder: lmHead as Holder });
  const std = meanResizing ? null : config.initializerRange;
  const resized: Param[] = [];
  try {
    // All are created before any replaces the old one.
    for (const [i, { name, holder }] of holders.entries())
      resized.push(await withRows(name, holder.weight, rows, std, seed * 2 + i + 1));
  } catch (error) {
    for (const param of resized) param.dispose();
    throw error;
  }
  for (const [i, { holder }] of holders.entries()) {
    holder.weight.dispose();
    holder.weight = resized[i]!;
  }
  if (embedTokens.paddingIdx !== null && embedTokens.paddingIdx >= rows)
    (embedTokens as { paddingIdx: number | null }).paddingIdx = null;
  const changed = { ...config, vocabSize: rows };
  (model as { config: typeof config }).config = changed;
  (model.model as { config: typeof config }).config = changed;
  return rows;
}

/** A module whose parameter is replaced: it is readonly elsewhere. */
interface Holder {
  weight: Param;
}

/** Returns a copy of a parameter with another number of rows, in its dtype. */
async function withRows(name: string, old: Param, rows: number, std: number | null, seed: number): Promise<Param> {
  const [count, width] = old.shape as [number, number];
  const values = toFloat32(await encodeWeight(old.weight, "F32"), "F32");
  const all = new Float32Array(rows * width);
  all.set(values.subarray(0, Math.min(rows, count) * width));
  if (rows > count) {
    const added =
      std === null ? nearMean(values, count, width, rows - count, seed) : fresh(rows - count, width, std, seed);
    all.set(await added, count * width);
  }
  const zeroRow = old.zeroRow !== null && old.zeroRow < rows ? old.zeroRow : null;
  const param = new Param([rows, width], old.role, old.init, { zeroRow });
  if (old.isTrainable) param.unfreeze();
  await param.load(viewOfBytes(name, old.dtype, param.shape, fromFloat32(all, old.dtype)));
  return param;
}

async function fresh(rows: number, width: number, std: number, seed: number): Promise<Float32Array> {
  const tensor = randomNormal([rows, width], 0, std, "float32", seed);
  const values = (await tensor.data()) as Float32Array;
  tensor.dispose();
  return values;
}

/**
 * Returns rows near the mean: `μ + √(ε/V) · Z·(W − μ)`, where Z `[added, V]` is standard normal. Their covariance is ε
 * times that of the V rows of W, and no matrix has to be factorised for it.
 */
async function nearMean(
  values: Float32Array,
  count: number,
  width: number,
  added: number,
  seed: number,
): Promise<Float32Array> {
  const mean = new Float64Array(width);
  for (let i = 0; i < values.length; i++) mean[i % width]! += values[i]! / count;
  // The covariance of so few rows is singular.
  if (count <= width) return Float32Array.from({ length: added * width }, (_, i) => mean[i % width]!);
  const tensor = tidy(() => {
    const center = tensor1d(Float32Array.from(mean));
    const centered = sub(tensor2d(values, [count, width]), center);
    const mixed = matMul(randomNormal([added, count], 0, 1, "float32", seed), centered as never);
    return add(mul(mixed, Math.sqrt(SPREAD / count)), center);
  });
  const rows = (await tensor.data()) as Float32Array;
  tensor.dispose();
  return rows;
}

function checkSize(where: string, value: number): void {
  if (Number.isSafeInteger(value) && value >= 1) return;
  throw new DecoderError({
    where: `resizeTokenEmbeddings: ${where}`,
    expected: "a whole number of at least 1",
    got: String(value),
  });
}
