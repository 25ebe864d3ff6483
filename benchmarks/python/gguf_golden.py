"""Writes test/__fixtures__/tiny.gguf with llama.cpp's own package: the model of test/tiny-model.ts, values and all.

    python -m pip install gguf==0.19.0 numpy
    python benchmarks/python/gguf_golden.py
"""

from pathlib import Path

import gguf
import numpy as np

GOLDEN = Path(__file__).parent.parent / "test" / "__fixtures__" / "tiny.gguf"
LENGTH = 4194301
VOCABULARY = 260


def main():
    block = normals()

    def values(name, count, mean=0.0, deviation=0.02):
        indices = (fnv1a(name) % LENGTH + np.arange(count)) % LENGTH
        exact = np.float32(mean + deviation * block[indices].astype(np.float64))
        return bfloat16(exact)

    writer = gguf.GGUFWriter(GOLDEN, "tiny")
    writer.add_uint32("general.file_type", gguf.LlamaFileType.MOSTLY_BF16)
    writer.add_uint32("tiny.block_count", 1)
    writer.add_float32("tiny.rope.freq_base", 10000)
    writer.add_bool("tiny.expert_weights_norm", True)
    writer.add_string("tiny.name", "naïve")
    writer.add_uint32("tiny.vocab_size", VOCABULARY)
    add_vocabulary(writer)

    def bf16(name, array):
        writer.add_tensor(name, array, raw_dtype=gguf.GGMLQuantizationType.BF16)

    def f32(name, array):
        writer.add_tensor(name, (array.astype(np.uint32) << 16).view(np.float32))

    bf16("token_embd.weight", values("embed", 15).reshape(3, 5))
    # llama.cpp's conversion permutes the rows of each of 2 heads like this.
    query = values("query", 24).reshape(2, 2, 2, 3).swapaxes(1, 2).reshape(8, 3)
    bf16("blk.0.attn_q.weight", np.ascontiguousarray(query))
    bf16("blk.0.ffn_up_exps.weight", np.stack([values(f"experts.{i}.up", 8).reshape(4, 2) for i in range(3)]))
    f32("blk.0.ffn_gate_inp.weight", values("router", 6).reshape(3, 2))
    f32("output_norm.weight", values("norm", 7, mean=1, deviation=0.0625))
    f32("blk.0.exp_probs_b.bias", values("bias", 3))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def add_vocabulary(writer):
    specials = ["<unk>", "<s>", "</s>"]
    byte_tokens = [f"<0x{byte:02X}>" for byte in range(256)]
    words = [f"<{i}>" for i in range(VOCABULARY - 259)]
    tokens = [*specials, *byte_tokens, *words]
    types = gguf.TokenType
    writer.add_tokenizer_model("llama")
    writer.add_token_list(tokens)
    writer.add_token_scores([0.0] * VOCABULARY)
    special_types = [types.UNKNOWN, types.CONTROL, types.CONTROL]
    writer.add_token_types([*special_types, *[types.BYTE] * 256, *[types.NORMAL] * len(words)])


def normals():
    """As src/weights/values.ts draws them."""
    result = np.empty(LENGTH, np.float32)
    state = 0x9E3779B9
    for i in range(LENGTH):
        total = 0
        for _ in range(6):
            state ^= (state << 13) & 0xFFFFFFFF
            state ^= state >> 17
            state ^= (state << 5) & 0xFFFFFFFF
            total += (state & 0xFFFF) + (state >> 16)
        result[i] = (total - 6 * 0xFFFF) / 0x10000
    return result


def fnv1a(text):
    value = 0x811C9DC5
    for byte in text.encode():
        value = (value ^ byte) * 0x01000193 & 0xFFFFFFFF
    return value


def bfloat16(values):
    """Rounded to nearest, ties to even; as bits, which GGUF's package takes for two bytes each."""
    bits = values.astype(np.float32).view(np.uint32)
    rounded = bits + 0x7FFF + ((bits >> 16) & 1)
    return (rounded >> 16).astype(np.uint16)


if __name__ == "__main__":
    main()
