"""Tiny models as GGUF files, and what transformers computes with their dequantised weights.

    LLAMA_CPP=... python tools/reference/gguf_models.py          # writes packages/mixtape/test/__fixtures__/gguf

The files of Q4_K_M and of IQ4_XS are quantised by llama.cpp, all others are written by its `gguf` package. llama.cpp's own
logits are compared with transformers' first: they differ by the rounding of activations to 8 bit alone.
"""

from pathlib import Path

import numpy as np
import torch
from gguf import TokenType
from transformers import AfmoeConfig, AfmoeForCausalLM, MixtralConfig, MixtralForCausalLM
from transformers import Qwen2MoeConfig, Qwen2MoeForCausalLM, Qwen3MoeConfig, Qwen3MoeForCausalLM

import llama_cpp
from golden_io import numbers, write_json_gz
from gguf_vocabularies import TEXTS, byte_level, merged_pieces, sentencepiece
from gguf_write import read_tensors, state_of, write

FIXTURES = Path(__file__).parents[2] / "packages/mixtape/test/__fixtures__/gguf"
TEMPLATE = "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\n' + m['content'] + '<|im_end|>\n' }}{% endfor %}"
CHAT = [("<|endoftext|>", TokenType.CONTROL), ("<|im_start|>", TokenType.CONTROL), ("<|im_end|>", TokenType.CONTROL)]
QWEN = dict(eos="<|im_end|>", pad="<|endoftext|>", bos="<|endoftext|>", add_bos=False, template=TEMPLATE)
ROPE = {"rope_type": "default", "rope_theta": 10000.0}
TINY = dict(
    hidden_size=32, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=128,
    rms_norm_eps=1e-6, tie_word_embeddings=False,
)


def cases():
    """Name, class, config, vocabulary, and the types that files of it have."""
    qwen, qwen_size = byte_level("qwen2", CHAT, merges=40, **QWEN)
    arcee, arcee_size = byte_level("afmoe", CHAT, merges=40, **QWEN)
    pieces, pieces_size = sentencepiece(merged_pieces(TEXTS[:3], 40))
    qwen3 = dict(
        **TINY, vocab_size=qwen_size, intermediate_size=96, moe_intermediate_size=32, head_dim=16, num_experts=4,
        num_experts_per_tok=2, norm_topk_prob=True, eos_token_id=qwen_size - 1, rope_parameters={**ROPE, "rope_theta": 1e6},
    )
    yield "qwen3moe", Qwen3MoeForCausalLM, Qwen3MoeConfig(**qwen3), qwen, ["F32", "Q8_0", "split"]
    wide = {**qwen3, "hidden_size": 256, "num_hidden_layers": 1, "tie_word_embeddings": True, "num_experts": 3}
    yield "qwen3moe-wide", Qwen3MoeForCausalLM, Qwen3MoeConfig(**wide), qwen, ["Q4_K_M", "IQ4_XS"]
    mixtral = dict(
        **{**TINY, "rms_norm_eps": 1e-5}, vocab_size=pieces_size, intermediate_size=64, num_local_experts=4,
        num_experts_per_tok=2, rope_parameters={**ROPE, "rope_theta": 1e6}, bos_token_id=1, eos_token_id=2,
    )
    yield "llama", MixtralForCausalLM, MixtralConfig(**mixtral), pieces, ["F32", "Q4_0", "Q5_1"]
    afmoe = dict(
        **{**TINY, "num_hidden_layers": 5, "num_key_value_heads": 1}, vocab_size=arcee_size,
        intermediate_size=64, moe_intermediate_size=32, head_dim=16, num_experts=4, num_experts_per_tok=2,
        num_shared_experts=1, num_dense_layers=1, route_scale=2.448, sliding_window=8, global_attn_every_n_layers=4,
        mup_enabled=True, score_func="sigmoid", route_norm=True, rope_parameters=ROPE, eos_token_id=arcee_size - 1,
    )
    yield "afmoe", AfmoeForCausalLM, AfmoeConfig(**afmoe), arcee, ["BF16", "MXFP4"]
    qwen2 = dict(
        **TINY, vocab_size=qwen_size, intermediate_size=96, moe_intermediate_size=32, shared_expert_intermediate_size=64,
        num_experts=4, num_experts_per_tok=2, norm_topk_prob=False, eos_token_id=qwen_size - 1,
        rope_parameters={"rope_type": "yarn", "rope_theta": 1e4, "factor": 4.0, "original_max_position_embeddings": 32},
    )
    yield "qwen2moe", Qwen2MoeForCausalLM, Qwen2MoeConfig(**qwen2), qwen, ["F16", "Q5_0", "Q4_1"]
    llama3 = dict(rope_type="llama3", rope_theta=500000.0, factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0)
    stretched = {**mixtral, "num_hidden_layers": 1, "hidden_size": 64, "intermediate_size": 32, "max_position_embeddings": 256}
    stretched["rope_parameters"] = {**llama3, "original_max_position_embeddings": 32}
    yield "llama-rope", MixtralForCausalLM, MixtralConfig(**stretched), pieces, ["F16"]


def seeded(model, seed: int):
    """Weights of order one, so that every part matters."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, value in model.state_dict().items():
            noise = torch.randn(value.shape, generator=generator)
            if "norm" in name and value.ndim == 1:
                value.copy_(1 + 0.1 * noise)
            elif value.ndim == 1:
                value.copy_(0.1 * noise)
            else:
                value.copy_(noise / value.shape[-1] ** 0.5)
    return model


def main() -> None:
    torch.set_num_threads(1)
    FIXTURES.mkdir(parents=True, exist_ok=True)
    for old in FIXTURES.iterdir():
        old.unlink()
    for index, (name, kind, config, vocabulary, types) in enumerate(cases()):
        config._attn_implementation = "eager"
        model = seeded(kind(config).eval(), 100 + index)
        golden = {}
        for type_ in types:
            file = f"{name}.{type_}.gguf"
            path = FIXTURES / file
            if type_ in ("Q4_K_M", "IQ4_XS"):
                plain = FIXTURES / "plain.gguf"
                write(plain, model, vocabulary)
                llama_cpp.quantize(plain, path, type_)
                plain.unlink()
            elif type_ == "split":
                write(path, model, vocabulary, "F16", split_tensors=10)
                path = sorted(FIXTURES.glob(f"{name}.split-*.gguf"))[0]
                file = path.name
            else:
                write(path, model, vocabulary, type_)
            tensors = {}
            for part in sorted(FIXTURES.glob(f"{name}.{type_}*.gguf")):
                tensors.update(read_tensors(part))
            reference = kind(config).eval()
            reference.load_state_dict(state_of(tensors, reference))
            oracle = llama_cpp.Model(path)
            ids = oracle.tokenize("The quick brown fox, 1984: naïve")[:24]
            with torch.no_grad():
                logits = reference(torch.tensor([ids])).logits[0]
            theirs = oracle.logits(ids)
            differences = np.abs(theirs - logits.numpy())
            print(f"{file}: {path.stat().st_size} bytes, llama.cpp differs from transformers by {differences.max():.2g}")
            # With activations of 8 bit, a token near a tie may go to another expert.
            assert differences.max() < {"F32": 1e-4, "F16": 0.02}.get(type_, 10) and np.median(differences) < 0.05, file
            golden[file] = {"ids": ids, "logits": numbers(logits[-4:]), "greedy": greedy(reference, ids, 16)}
            if type_ == "F32":
                assert golden[file]["greedy"] == oracle.greedy(ids, 16), "greedy text differs from llama.cpp's"
        write_json_gz(FIXTURES / f"{name}.json.gz", golden)


def greedy(model, ids: list[int], count: int) -> list[int]:
    ids = list(ids)
    with torch.no_grad():
        for _ in range(count):
            ids.append(int(model(torch.tensor([ids])).logits[0, -1].argmax()))
    return ids[-count:]


if __name__ == "__main__":
    main()
