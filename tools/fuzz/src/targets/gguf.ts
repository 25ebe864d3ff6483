import { useEngine } from "@mixtape/engine";
import { MixtapeError } from "@mixtape/errors";
import { openGguf } from "@mixtape/gguf";
import { inspectModel, loadModel, loadTokenizer } from "@mixtape/mixtape";
import { type GgufJson, type GgufTensorJson, ggufFileOf } from "../gguf-file.js";
import { mutateBytes } from "../mutate-bytes.js";
import { mutateJson } from "../mutate-json.js";
import { asBytes, bytesOf, type Target } from "../target.js";
import { forward } from "./adapters.js";

/** Maximum size of models that are built and run. */
const SMALL = 60_000;
/** Bytes of the header of the file whose bytes are mutated. */
const HEADER_BYTES = 8192;

/** GGUF files with mutated bytes, or with a mutated header; read, and if they are small, run on three tokens. */
export const gguf: Target = {
  name: "gguf",
  async prepare() {
    await useEngine("cpu");
    const file = bytesOf("packages/mixtape/test/__fixtures__/gguf/llama.Q4_0.gguf");
    const json = JSON.stringify(MODEL);
    const data = new Uint8Array(DATA_BYTES).map((_, i) => (i % 4 === 3 ? 60 : i % 7));
    return {
      make(random) {
        if (random.chance(0.5)) {
          const head = mutateBytes(file.subarray(0, HEADER_BYTES), random);
          const bytes = new Uint8Array(head.length + file.length - HEADER_BYTES);
          bytes.set(head);
          bytes.set(file.subarray(HEADER_BYTES), head.length);
          return new Map([["model.gguf", bytes]]);
        }
        return new Map([["model.gguf", ggufFileOf(parsed(mutateJson(json, random)), data)]]);
      },
      async read(files) {
        const checkpoint = await openGguf(asBytes(files).get("model.gguf")!, { onWarning: () => {} });
        const refused: unknown[] = [];
        const trying = async (step: () => Promise<void>): Promise<void> => {
          try {
            await step();
          } catch (error) {
            if (!(error instanceof MixtapeError)) throw error;
            refused.push(error);
          }
        };
        await trying(async () => {
          const tokenizer = await loadTokenizer(checkpoint, { onWarning: () => {} });
          tokenizer.decode(tokenizer.encode("It was 1984 – naïve <s>"));
        });
        await trying(async () => {
          const { parameters, faults } = await inspectModel(checkpoint);
          if (parameters.total > SMALL || faults.missing.length > 0) return;
          const model = await loadModel(checkpoint, { onWarning: () => {} });
          try {
            forward(model);
          } finally {
            model.dispose();
          }
        });
        if (refused.length > 0) throw refused[0];
      },
    };
  },
};

/** Sizes and types of a Mixtral of one layer with two heads of 16, three experts and six tokens. */
const TENSORS: readonly (readonly [name: string, sizes: readonly number[], type: number])[] = [
  ["token_embd.weight", [32, 6], 0],
  ["output_norm.weight", [32], 0],
  ["output.weight", [32, 6], 8],
  ["blk.0.attn_norm.weight", [32], 0],
  ["blk.0.attn_q.weight", [32, 32], 8],
  ["blk.0.attn_k.weight", [32, 16], 2],
  ["blk.0.attn_v.weight", [32, 16], 1],
  ["blk.0.attn_output.weight", [32, 32], 8],
  ["blk.0.ffn_norm.weight", [32], 0],
  ["blk.0.ffn_gate_inp.weight", [32, 3], 0],
  ["blk.0.ffn_gate_exps.weight", [32, 32, 3], 8],
  ["blk.0.ffn_up_exps.weight", [32, 32, 3], 39],
  ["blk.0.ffn_down_exps.weight", [32, 32, 3], 30],
];

/** Bytes of 32 values of each type. */
const BYTES: Readonly<Record<number, number>> = { 0: 128, 1: 64, 2: 18, 8: 34, 30: 64, 39: 17 };

let end = 0;
const tensors = TENSORS.map(([name, sizes, type]): GgufTensorJson => {
  const offset = end;
  const bytes = (sizes.reduce((product, size) => product * size, 1) / 32) * BYTES[type]!;
  end = Math.ceil((offset + bytes) / 32) * 32;
  return { name, sizes, type, offset };
});
const DATA_BYTES = end;

const MODEL: GgufJson = {
  version: 3,
  keys: {
    "general.architecture": "llama",
    "llama.block_count": 1,
    "llama.context_length": 64,
    "llama.embedding_length": 32,
    "llama.feed_forward_length": 32,
    "llama.attention.head_count": 2,
    "llama.attention.head_count_kv": 1,
    "llama.attention.layer_norm_rms_epsilon": 0.00001,
    "llama.rope.freq_base": 10000.5,
    "llama.rope.dimension_count": 16,
    "llama.rope.scaling.type": "yarn",
    "llama.rope.scaling.factor": 2.5,
    "llama.rope.scaling.original_context_length": 32,
    "llama.expert_count": 3,
    "llama.expert_used_count": 2,
    "general.alignment": 32,
    "general.sampling.temp": 0.5,
    "tokenizer.ggml.model": "gpt2",
    "tokenizer.ggml.pre": "qwen2",
    "tokenizer.ggml.tokens": ["<s>", "I", "t", "It", "Ġ", "</s>"],
    "tokenizer.ggml.scores": [0.5, -1.5, -2.5, -3.5, -4.5, -5.5],
    "tokenizer.ggml.token_type": [3, 1, 1, 1, 1, 3],
    "tokenizer.ggml.merges": ["I t"],
    "tokenizer.ggml.bos_token_id": 0,
    "tokenizer.ggml.eos_token_id": 5,
    "tokenizer.ggml.add_bos_token": true,
    "tokenizer.ggml.add_space_prefix": true,
    "tokenizer.chat_template": "{% for m in messages %}{{ m.content }}{% endfor %}",
  },
  tensors,
  counts: [tensors.length, 28],
};

/** Mutated text that is not JSON any more stands for no keys and tensors. */
function parsed(text: string): Partial<GgufJson> {
  try {
    const json: unknown = JSON.parse(text);
    return typeof json === "object" && json !== null ? (json as Partial<GgufJson>) : {};
  } catch {
    return {};
  }
}
