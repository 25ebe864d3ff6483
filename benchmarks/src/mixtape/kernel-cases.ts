/** Kernels as a model calls them, with its own weights, and the bytes and operations of each. */

import { type ForCausalLM, summarize } from "@mixtape/decoder";
import { Attention, GatedMlp, KeyValueCache, type Linear, MoeBlock, type Param } from "@mixtape/layers";
import { AttentionMask, attention, embedding, FloatStorage, rotary, storageOf, topKIndices } from "@mixtape/ops";
import { bytesPerElement } from "@mixtape/safetensors";
import {
  dispose,
  keep,
  ones,
  randomNormal,
  randomUniformInt,
  type Tensor,
  type Tensor1D,
  type Tensor2D,
  type Tensor4D,
  tidy,
} from "@tensorflow/tfjs-core";

/** One kernel at one size. */
export interface KernelCase {
  readonly name: string;
  readonly tokens: number;
  /** Bytes of weights, keys and values, each once; for a kernel without these, of its inputs and outputs. */
  readonly bytes: number;
  readonly flops: number;
  /** Calls it for the `i`-th time, cycling through the layers, so that no processor cache holds the weights. */
  run(i: number): Tensor;
}

const FLOAT_BYTES = 4;
/** Number of expert selections to cycle through. */
const CHOICES = 8;

/** @param longest maximum number of tokens that attention sees. Tensors of the cases stay until the process ends. */
export async function kernelCases(model: ForCausalLM, longest: number): Promise<KernelCase[]> {
  const cases: KernelCase[] = [];
  for (const tokens of [1, 512]) {
    cases.push(
      ...linearCases(model, tokens),
      ...(await expertCases(model, tokens)),
      ...elementwiseCases(model, tokens),
    );
    for (const keys of tokens === 1 ? [512, longest] : [512]) cases.push(attentionCase(model, tokens, keys));
  }
  return cases.filter(
    (one, i) => cases.findIndex(({ name, tokens }) => name === one.name && tokens === one.tokens) === i,
  );
}

function linearCases({ model, lmHead, config }: ForCausalLM, tokens: number): KernelCase[] {
  const one = (name: string, linears: readonly Linear[]): KernelCase => {
    const [out, inner] = linears[0]!.weight.shape as [number, number];
    const x: Tensor2D = randomNormal([tokens, inner]);
    return {
      name: `${name}, ${out} × ${inner}`,
      tokens,
      bytes: bytesOf(linears[0]!.weight),
      flops: 2 * tokens * out * inner,
      run: (i) => linears[i % linears.length]!.forward(x),
    };
  };
  const queries = one(
    "queries",
    model.layers.flatMap(({ selfAttn }) => (selfAttn instanceof Attention ? selfAttn.qProj : [])),
  );
  const head = lmHead && tokens === 1 ? [one("head", [lmHead])] : [];
  const mlps = model.layers.flatMap(({ mlp }) => gatedMlpOf(mlp) ?? []);
  if (mlps.length === 0) return [queries, ...head];
  const widest = Math.max(...mlps.map(({ upProj }) => upProj.weight.size));
  const alike = mlps.filter(({ upProj }) => upProj.weight.size === widest);
  const x: Tensor2D = randomNormal([tokens, config.hiddenSize]);
  const gated: KernelCase = {
    name: `gated MLP, ${alike[0]!.upProj.weight.shape.join(" × ")}`,
    tokens,
    bytes: 3 * bytesOf(alike[0]!.upProj.weight),
    flops: 6 * tokens * widest,
    run: (i) => alike[i % alike.length]!.forward(x),
  };
  return [queries, ...head, gated];
}

/** Returns the dense feed-forward of a layer, or its shared experts. */
function gatedMlpOf(mlp: unknown): GatedMlp | null {
  if (mlp instanceof GatedMlp) return mlp;
  const shared = mlp instanceof MoeBlock && "sharedExperts" in mlp ? mlp.sharedExperts : null;
  return shared instanceof GatedMlp ? shared : null;
}

async function expertCases(causalLM: ForCausalLM, tokens: number): Promise<KernelCase[]> {
  const blocks = causalLM.model.layers.flatMap(({ mlp }) => (mlp instanceof MoeBlock ? mlp : []));
  const [first] = blocks;
  if (!first) return [];
  const { upProj } = first.experts;
  const [count, width, hidden] = upProj.shape as [number, number, number];
  const k = summarize(causalLM).experts.perToken;
  const x: Tensor2D = randomNormal([tokens, hidden]);
  const weights: Tensor2D = ones([tokens, k]);
  const choices = Array.from({ length: CHOICES }, (_, i) =>
    tidy(() => keep(topKIndices(randomNormal([tokens, count], 0, 1, "float32", i + 1) as Tensor2D, k))),
  );
  const met = await Promise.all(choices.map(async (choice) => new Set(await choice.data()).size));
  return [
    {
      name: `routed experts, ${k} of ${count}, ${width} × ${hidden}`,
      tokens,
      bytes: ((3 * bytesOf(upProj)) / count) * (met.reduce((a, b) => a + b) / met.length),
      flops: 6 * tokens * k * width * hidden,
      run: (i) => blocks[i % blocks.length]!.experts.forward({ x, indices: choices[i % CHOICES]!, weights }),
    },
  ];
}

function attentionCase(model: ForCausalLM, tokens: number, keys: number): KernelCase {
  const { numAttentionHeads: heads, numKeyValueHeads: kvHeads, headDim } = model.config;
  const cache = model.createCache();
  // Layers with full attention.
  const caches = cache.layers.filter(
    (layer): layer is KeyValueCache => layer instanceof KeyValueCache && (layer.window === null || layer.window > keys),
  );
  const held = caches.map((layer) => {
    const [k, v]: Tensor4D[] = [randomNormal([1, kvHeads, keys, headDim]), randomNormal([1, kvHeads, keys, headDim])];
    const view = layer.append(k!, v!);
    dispose([k!, v!]);
    return view;
  });
  const q: Tensor4D = randomNormal([1, heads, tokens, headDim]);
  const mask = new AttentionMask({ queries: tokens, keys });
  // A query sees all previous keys.
  const pairs = tokens * (keys - tokens) + (tokens * (tokens + 1)) / 2;
  return {
    name: `attention over ${keys.toLocaleString("en-US")}, ${heads} and ${kvHeads} heads of ${headDim}`,
    tokens,
    bytes: 2 * kvHeads * keys * headDim * bytesPerValue(model.model.embedTokens.weight),
    flops: 4 * heads * headDim * pairs,
    run: (i) => {
      const { keys: k, values: v } = held[i % held.length]!;
      return attention(q, k, v, mask, headDim ** -0.5);
    },
  };
}

function elementwiseCases({ model, config }: ForCausalLM, tokens: number): KernelCase[] {
  const { hiddenSize, numAttentionHeads: heads, headDim, vocabSize } = config;
  const x: Tensor2D = randomNormal([tokens, hiddenSize]);
  const q: Tensor4D = randomNormal([1, heads, tokens, headDim]);
  const tables = { cos: randomNormal([1, tokens, headDim]), sin: randomNormal([1, tokens, headDim]) };
  const ids = randomUniformInt([tokens], 0, vocabSize, 1) as Tensor1D;
  const table = model.embedTokens.weight;
  const one = (name: string, bytes: number, flopsPerValue: number, run: KernelCase["run"]): KernelCase => ({
    name,
    tokens,
    bytes,
    flops: (flopsPerValue * bytes) / FLOAT_BYTES,
    run,
  });
  return [
    one(`RMS norm of ${hiddenSize}`, 2 * FLOAT_BYTES * x.size, 2, () => model.norm.forward(x)),
    one(`rotary, ${heads} heads of ${headDim}`, 2 * FLOAT_BYTES * q.size, 1.5, () =>
      rotary(q, tables as Parameters<typeof rotary>[1]),
    ),
    one(`embedding of ${hiddenSize}`, (bytesOf(table) / table.shape[0]! + FLOAT_BYTES * hiddenSize) * tokens, 0, () =>
      embedding(ids, table.weight),
    ),
  ];
}

function bytesOf(param: Param): number {
  return param.size * bytesPerValue(param);
}

/** Storage size of weights, keys and values on the engine. */
function bytesPerValue({ dtype }: Param): number {
  return storageOf() instanceof FloatStorage ? FLOAT_BYTES : bytesPerElement(dtype);
}
