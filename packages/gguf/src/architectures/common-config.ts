import { GgufUnsupportedError } from "../errors.js";
import { endTokens, specialToken } from "../tokenizer/special-tokens.js";
import type { GgufModel } from "./architecture.js";
import { ModelKeys } from "./model-keys.js";
import { ropeParameters } from "./rope-parameters.js";
import { shortestFloat32 } from "./shortest-float32.js";

/** Makes the keys of `config.json` that every decoder has. */
export function commonConfig(model: GgufModel): Readonly<Record<string, unknown>> {
  const keys = new ModelKeys(model);
  const [vocabSize, hiddenSize] = keys.shape("token_embd.weight", 2);
  const heads = keys.required("attention.head_count");
  const headDim = keys.count("attention.key_length") ?? hiddenSize! / heads;
  keys.require("attention.value_length", [headDim]);
  keys.require("rope.dimension_count", [headDim]);
  keys.require("embedding_length", [hiddenSize!]);
  keys.require("attention.causal", [true]);
  keys.count("vocab_size");
  const ends = endTokens(model.metadata);
  return {
    vocab_size: vocabSize,
    hidden_size: hiddenSize,
    intermediate_size: keys.count("feed_forward_length"),
    num_hidden_layers: keys.required("block_count"),
    num_attention_heads: heads,
    num_key_value_heads: keys.count("attention.head_count_kv") ?? heads,
    head_dim: headDim,
    max_position_embeddings: keys.required("context_length"),
    rms_norm_eps: shortestFloat32(keys.number("attention.layer_norm_rms_epsilon") ?? 1e-6),
    ...ropeParameters(keys),
    hidden_act: "silu",
    attention_bias: false,
    tie_word_embeddings: !model.tensors.has("output.weight"),
    bos_token_id: specialToken(model.metadata, "bos") ?? null,
    eos_token_id: ends.length > 1 ? ends : (ends[0] ?? null),
    pad_token_id: specialToken(model.metadata, "padding") ?? null,
    dtype: dtypeOf(model),
  };
}

/** Returns torch's name of the dtype that the model is saved in: that of most elements, bfloat16 for quantised ones. */
function dtypeOf({ tensors }: GgufModel): string {
  const elements = new Map<string, number>();
  for (const { type, shape } of tensors.values()) {
    const dtype = type.kind === "plain" ? type.dtype : "BF16";
    elements.set(dtype, (elements.get(dtype) ?? 0) + shape.reduce((product, size) => product * size, 1));
  }
  const [most] = [...elements].reduce((one, other) => (other[1] > one[1] ? other : one), ["F32", 0]);
  if (most === "F16") return "float16";
  return most === "F32" ? "float32" : "bfloat16";
}

/** @throws {GgufUnsupportedError} if the model has no experts */
export function requireExperts(model: GgufModel, keys: ModelKeys): number {
  const experts = keys.count("expert_count") ?? 0;
  if (experts > 0) return experts;
  throw new GgufUnsupportedError({
    where: `${model.where}: ${keys.key("expert_count")}`,
    expected: "a model with experts: Mixture-of-Experts models are supported, dense ones are not",
    got: `a dense model of architecture ${model.metadata.string("general.architecture")}`,
  });
}
