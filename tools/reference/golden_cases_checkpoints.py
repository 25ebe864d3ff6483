"""Checkpoints as people have them, as edits of golden ones. `cases(family)` is the table."""

import json
from pathlib import Path

CHECKPOINTS = Path(__file__).resolve().parents[2] / "packages" / "testing" / "__fixtures__" / "models"
FAMILIES = ["mixtral", "qwen3-moe", "afmoe"]
HEAD, EMBED = "lm_head.weight", "model.embed_tokens.weight"


def case(name: str, *, set=None, drop=None, tensors=None, base=None) -> dict:
    parts = {"set": set, "drop": drop, "tensors": tensors, "base": base}
    return {"name": name, **{key: value for key, value in parts.items() if value}}


def rename(pattern: str, to: str) -> dict:
    return {"rename": pattern, "to": to}


def add(name: str, *shape: int) -> dict:
    return {"add": name, "shape": list(shape)}


def copy(name: str, of: str, times: float = 1) -> dict:
    return {"add": name, "of": of, "times": times}


def cases(family: str) -> list[dict]:
    config = json.loads((CHECKPOINTS / family / "basic" / "config.json").read_text())
    all_of_them = [
        *names(family),
        *tensors(config),
        *heads(),
        *sizes(family, config),
        *unread_keys(),
        *keys(config),
        *ropes(family),
        *tokens(config),
        *absent(config),
        *OF_FAMILY[family](),
    ]
    seen = [one["name"] for one in all_of_them]
    assert len(seen) == len({*seen}), [name for name in seen if seen.count(name) > 1]
    return all_of_them


# --- names of tensors ---------------------------------------------------------------------------------------------------


def names(family: str) -> list[dict]:
    bare = rename(r"^model\.", "")
    found = [
        case("bare model with a head", tensors=[bare]),
        case("bare model without a head", tensors=[bare, {"drop": "lm_head"}]),
        case("bare model, tied", tensors=[bare, {"drop": "lm_head"}], set={"tie_word_embeddings": True}),
        case("bare model, its layers alone", tensors=[rename(r"^model\.layers\.", "layers.")]),
        case("bare model, fused experts", tensors=[bare], base="basic-fused"),
        case("model twice", tensors=[rename(r"^model\.", "model.model.")]),
        case("model before all", tensors=[rename("^", "model.")]),
        case("head in the model", tensors=[rename("^lm_head", "model.lm_head")]),
    ]
    for prefix in ["base_model.model.", "module.", "_orig_mod.", "language_model.", "transformer.", "base_model.", "llm.", "model.language_model."]:
        found.append(case(f"all below {prefix}", tensors=[rename("^", prefix)]))
    found.append(case("language_model in the model", tensors=[rename(r"^model\.", "model.language_model.")]))
    found.append(case("_orig_mod in the model", tensors=[rename(r"^model\.", "model._orig_mod.")]))
    found.append(case("adapters inside", tensors=[rename(r"q_proj\.weight", "q_proj.base_layer.weight")]))
    if family == "mixtral":
        found += [
            case("experts of transformers 4 in mlp", tensors=[rename("block_sparse_moe", "mlp")]),
            case("fused experts in block_sparse_moe", tensors=[rename(r"\.mlp\.", ".block_sparse_moe.")], base="basic-fused"),
            case("fused experts, router in block_sparse_moe", tensors=[rename(r"\.mlp\.gate\.", ".block_sparse_moe.gate.")], base="basic-fused"),
            case("experts under the names of Qwen", tensors=[rename(r"\.w1\.", ".gate_proj."), rename(r"\.w2\.", ".down_proj."), rename(r"\.w3\.", ".up_proj.")]),
        ]
    return found


# --- tensors that nothing asks for --------------------------------------------------------------------------------------


def tensors(config: dict) -> list[dict]:
    width, head_dim, layers = config["hidden_size"], 8, config["num_hidden_layers"]
    per_layer = lambda name, *shape: [add(f"model.layers.{i}.{name}", *shape) for i in range(layers)]
    heads = config["num_attention_heads"] * (config.get("head_dim") or width // config["num_attention_heads"])
    return [
        case("rotary buffers in each layer", tensors=per_layer("self_attn.rotary_emb.inv_freq", head_dim // 2)),
        case("rotary buffers of the model", tensors=[add("model.rotary_emb.inv_freq", head_dim // 2)]),
        case("cached cosines and sines", tensors=per_layer("self_attn.rotary_emb.cos_cached", 16, head_dim) + per_layer("self_attn.rotary_emb.sin_cached", 16, head_dim)),
        case("causal masks", tensors=per_layer("self_attn.masked_bias", 1) + per_layer("self_attn.bias", 1, 1, 16, 16)),
        case("position ids", tensors=[add("model.embed_tokens.position_ids", 1, 16)]),
        case("a layer more than the config says", tensors=[add(f"model.layers.{layers}.input_layernorm.weight", width)]),
        case("a head for multi-token prediction", tensors=[add("model.mtp.layers.0.input_layernorm.weight", width), add("mtp.fc.weight", width, 2 * width)]),
        case("a classification head beside", tensors=[add("score.weight", 2, width)]),
        case("a classification head in place of the head", tensors=[{"drop": "lm_head"}, add("score.weight", 2, width)]),
        case("a value head", tensors=[add("v_head.summary.weight", 1, width), add("v_head.summary.bias", 1)]),
        case("a bias of the head", tensors=[add("lm_head.bias", config["vocab_size"])]),
        case("biases of queries", tensors=per_layer("self_attn.q_proj.bias", heads)),
        case("an unmerged adapter", tensors=per_layer("self_attn.q_proj.lora_A.default.weight", 2, width) + per_layer("self_attn.q_proj.lora_B.default.weight", heads, 2)),
        case("scales of quantisation", tensors=per_layer("self_attn.q_proj.weight_scale_inv", 1, 1)),
        case("a norm less", tensors=[{"drop": r"^model\.norm"}]),
        case("a name in another case", tensors=[add("Model.Norm.Weight", width)]),
    ]


# --- tied heads ---------------------------------------------------------------------------------------------------------


def heads() -> list[dict]:
    tied = {"tie_word_embeddings": True}
    equal = [{"drop": "lm_head"}, copy(HEAD, EMBED)]
    return [
        case("tied, a head of its own", set=tied),
        case("tied, an equal head", set=tied, tensors=equal),
        case("tied, no head", set=tied, tensors=[{"drop": "lm_head"}]),
        case("tied, a head and no embedding", set=tied, tensors=[{"drop": "embed_tokens"}]),
        case("tied, neither", set=tied, tensors=[{"drop": "embed_tokens|lm_head"}]),
        case("tied, a head twice as large", set=tied, tensors=[{"drop": "lm_head"}, copy(HEAD, EMBED, 2)]),
        case("tied, a head of another width", set=tied, tensors=[{"drop": "lm_head"}, add(HEAD, 97, 30)]),
        case("tied, a head of another vocabulary", set=tied, tensors=[{"drop": "lm_head"}, add(HEAD, 90, 32)]),
        case("tied, bare, a head of its own", set=tied, tensors=[rename(r"^model\.", "")]),
        case("tied, a head of its own in the model", set=tied, tensors=[rename("^lm_head", "model.lm_head")]),
        case("tied, all of bfloat16, a head of its own", set=tied, tensors=[{"cast": ".", "dtype": "bfloat16"}]),
        case("tied, embedding and equal head of bfloat16 and float32", set=tied, tensors=[{"cast": "embed_tokens", "dtype": "bfloat16"}, *equal, {"cast": "lm_head", "dtype": "float32"}]),
        case("tied, head and embedding of bfloat16 and float32", set=tied, tensors=[*equal, {"cast": "lm_head", "dtype": "bfloat16"}]),
        case("untied, no head", tensors=[{"drop": "lm_head"}]),
        case("untied, an equal head", tensors=equal),
        case("untied, no embedding", tensors=[{"drop": "embed_tokens"}]),
        case("tied is null, no head", set={"tie_word_embeddings": None}, tensors=[{"drop": "lm_head"}]),
        case("tied is null", set={"tie_word_embeddings": None}),
        case("tied is not said", drop=["tie_word_embeddings"]),
        case("tied is not said, no head", drop=["tie_word_embeddings"], tensors=[{"drop": "lm_head"}]),
    ]


# --- sizes that config and file disagree in -----------------------------------------------------------------------------


def sizes(family: str, config: dict) -> list[dict]:
    layers = config["num_hidden_layers"]
    experts = "num_experts" if "num_experts" in config else "num_local_experts"
    listed = {"layer_types": config["layer_types"][:-1]} if "layer_types" in config else {}
    return [
        case("a vocabulary smaller than the file's", set={"vocab_size": 90}),
        case("a vocabulary larger than the file's", set={"vocab_size": 100}),
        case("a layer less than the file", set={"num_hidden_layers": layers - 1, **listed}),
        case("a layer more than the file", set={"num_hidden_layers": layers + 1}, drop=["layer_types"]),
        case("an expert less than the file", set={experts: config[experts] - 1}),
        case("an expert less than the fused file", set={experts: config[experts] - 1}, base="basic-fused"),
        case("an expert more than the file", set={experts: config[experts] + 1}),
        case("another width", set={"hidden_size": config["hidden_size"] * 2}),
        case("more experts for a token than there are", set={"num_experts_per_tok": config[experts] + 1}),
    ]


# --- keys of config.json ------------------------------------------------------------------------------------------------

# Keys that real files of these families hold and that the reference reads for none of them.
UNREAD = {
    "unsloth": {"unsloth_fixed": True, "unsloth_version": "2025.11.1", "unsloth_training": True},
    "where it came from": {"_name_or_path": "someone/model", "name_or_path": "x", "_commit_hash": "abc", "transformers_version": "4.36.0.dev0"},
    "code of its own": {"auto_map": {"AutoConfig": "configuration_x.XConfig", "AutoModelForCausalLM": "modeling_x.X"}},
    "kernels": {"attn_implementation": None, "_flash_attn_2_enabled": True, "use_flash_attn": True, "attn_logit_softcapping": None},
    "tokens as texts": {"bos_token": "<s>", "eos_token": "</s>", "pad_token": "<unk>", "tokenizer_class": "LlamaTokenizer"},
    "lengths": {"model_max_length": 4096, "max_sequence_length": 4096, "seq_length": 4096, "max_seq_len": 4096},
    "a misspelt key": {"num_expertz_per_token": 3},
    "settings of trainers": {"gradient_checkpointing": False, "mm_vision_tower": None, "router_z_loss_coef": 0.001, "expert_capacity": 64, "z_loss": 0.1},
    "mergekit": {"gate_mode": "hidden", "experts": [{"source_model": "a", "positive_prompts": ["b"]}], "merge_method": "slerp"},
    "a nested thing": {"vision_config": None, "extra": {"a": [1, {"b": None}]}, "something": []},
    "other families' maths": {"use_mrope": False, "rope_interleaved": False, "clip_qkv": None, "logit_scale": 1.0, "embedding_multiplier": 1.0, "final_logit_softcapping": None, "qk_layernorm": True, "use_qk_norm": True},
    "pretraining": {"pretraining_tp": 1, "torchscript": False, "pruned_heads": {}, "use_bfloat16": False, "num_nextn_predict_layers": 1},
    "prototype keys": {"__proto__": {"a": 1}, "constructor": "x", "toString": None, "hasOwnProperty": 1},
    "keys that are not words": {"": 1, "a b": 2, "é": 3, "num-experts": 4},
    "generation settings": {"temperature": 0.7, "top_p": 0.9, "do_sample": True, "max_length": 20, "repetition_penalty": 1.2},
    "classifiers": {"num_labels": 5, "id2label": {"0": "no", "1": "yes"}, "label2id": {"no": 0, "yes": 1}, "problem_type": None},
    "dropout of classifiers": {"classifier_dropout": 0.0, "hidden_dropout": 0.0, "classifier_dropout_prob": 0.2},
    "dropouts": {"hidden_dropout_prob": 0.1, "resid_pdrop": 0.1, "embd_pdrop": 0.1, "ffn_dropout": 0.0},
    "encoders": {"is_decoder": False, "cross_attention_hidden_size": None, "add_cross_attention": False, "tie_encoder_decoder": False},
    "output of forward": {"output_hidden_states": True, "return_dict": True, "output_past": True},
    "ONNX and GGUF": {"transformers.js_config": {"dtype": "q4"}, "gguf_file": None, "onnx": True},
    "a class of another head": {"architectures": ["LlamaForSequenceClassification"]},
    "no class": {"architectures": None},
    "an empty list of classes": {"architectures": []},
}


def unread_keys() -> list[dict]:
    return [case(f"unread: {name}", set=values) for name, values in UNREAD.items()]


KEYS = {
    "quantisation is null": {"quantization_config": None},
    "quantisation is empty": {"quantization_config": {}},
    "quantisation by GPTQ": {"quantization_config": {"quant_method": "gptq", "bits": 4, "group_size": 128}},
    "quantisation by FP8": {"quantization_config": {"quant_method": "fp8", "weight_block_size": [128, 128]}},
    "quantisation by bitsandbytes": {"quantization_config": {"quant_method": "bitsandbytes", "load_in_4bit": True}},
    "dtype and torch_dtype": {"dtype": "bfloat16", "torch_dtype": "float32"},
    "torch_dtype alone": {"dtype": None, "torch_dtype": "float16"},
    "an unknown dtype": {"dtype": "float3"},
    "dtype in torch's words": {"dtype": "torch.bfloat16"},
    "dtype auto": {"dtype": "auto"},
    "dtype int8": {"dtype": "int8"},
    "hidden_act gelu": {"hidden_act": "gelu"},
    "hidden_act gelu_new": {"hidden_act": "gelu_new"},
    "hidden_act gelu_pytorch_tanh": {"hidden_act": "gelu_pytorch_tanh"},
    "hidden_act swish": {"hidden_act": "swish"},
    "hidden_act relu": {"hidden_act": "relu"},
    "hidden_act swiglu": {"hidden_act": "swiglu"},
    "hidden_act null": {"hidden_act": None},
    "use_cache is 1": {"use_cache": 1},
    "use_cache is text": {"use_cache": "true"},
    "a count as text": {"num_hidden_layers": "2"},
    "a count with a fraction": {"num_attention_heads": 4.5},
    "a whole fraction for a count": {"num_key_value_heads": 1.0},
    "rms_norm_eps is 0": {"rms_norm_eps": 0.0},
    "rms_norm_eps as an integer": {"rms_norm_eps": 1},
    "initializer_range as an integer": {"initializer_range": 1},
    "attention_dropout as an integer": {"attention_dropout": 0},
    "router_aux_loss_coef as an integer": {"router_aux_loss_coef": 0},
    "attention_dropout of 0.1": {"attention_dropout": 0.1},
    "max_position_embeddings shorter than the prompt": {"max_position_embeddings": 4},
    "max_position_embeddings is huge": {"max_position_embeddings": 10**9},
    "is_encoder_decoder": {"is_encoder_decoder": True},
    "add_cross_attention": {"add_cross_attention": True},
    "mlp_bias": {"mlp_bias": True},
    "attention_bias without biases": {"attention_bias": True},
    "chunk_size_feed_forward": {"chunk_size_feed_forward": 4},
    "per_layer_config is empty": {"per_layer_config": {}},
    "labels that disagree": {"num_labels": 3, "id2label": {"0": "a", "1": "b"}},
    "labels that are no inverse": {"id2label": {"0": "a", "1": "b"}, "label2id": {"a": 1, "b": 0}},
    "labels twice": {"id2label": {"0": "a", "1": "a"}},
    "labels that leave one out": {"id2label": {"1": "a", "2": "b"}},
    "label2id alone": {"label2id": {"a": 0, "b": 1}},
    "no labels": {"id2label": {}, "label2id": {}},
    "labels are null": {"id2label": None, "label2id": None},
    "layer_types of full attention": {"layer_types": ["full_attention"] * 3},
    "layer_types of another length": {"layer_types": ["full_attention"] * 7},
    "layer_types null": {"layer_types": None},
    "layer_types unknown": {"layer_types": ["mamba"] * 3},
    "mlp_layer_types": {"mlp_layer_types": ["sparse"] * 3},
    "sliding_window of 4": {"sliding_window": 4},
    "sliding_window of 0": {"sliding_window": 0},
    "sliding_window false": {"sliding_window": False},
    "sliding_window null": {"sliding_window": None},
    "head_dim null": {"head_dim": None},
    "head_dim 0": {"head_dim": 0},
    "num_key_value_heads null": {"num_key_value_heads": None},
    "both names of the experts, equal": {},
    "experts under another name": {},
    "both names of the experts, different": {},
}


def keys(config: dict) -> list[dict]:
    experts = "num_experts" if "num_experts" in config else "num_local_experts"
    other = "num_local_experts" if experts == "num_experts" else "num_experts"
    count = config[experts]
    special = {
        "both names of the experts, equal": case("both names of the experts, equal", set={other: count}),
        "experts under another name": case("experts under another name", set={other: count}, drop=[experts]),
        "both names of the experts, different": case("both names of the experts, different", set={other: count + 1}),
    }
    return [special.get(name) or case(name, set=values) for name, values in KEYS.items()]


YARN = {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 32}
LLAMA3 = {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 32}
ROPES = {
    "theta at the top": {"rope_theta": 500000},
    "theta at the top, scaling null": {"rope_theta": 1000000.0, "rope_scaling": None},
    "theta at the top, scaling empty": {"rope_theta": 1000000.0, "rope_scaling": {}},
    "theta is null": {"rope_theta": None},
    "theta as text": {"rope_theta": "10000"},
    "linear by type": {"rope_theta": 10000, "rope_scaling": {"type": "linear", "factor": 2}},
    "linear by rope_type": {"rope_theta": 10000, "rope_scaling": {"rope_type": "linear", "factor": 2.0}},
    "linear by both": {"rope_scaling": {"type": "linear", "rope_type": "linear", "factor": 2.0}},
    "type and rope_type disagree": {"rope_scaling": {"type": "linear", "rope_type": "default", "factor": 2.0}},
    "linear with a key of yarn": {"rope_scaling": {"type": "linear", "factor": 2.0, "beta_fast": 32}},
    "linear without factor": {"rope_scaling": {"type": "linear"}},
    "linear with a factor below 1": {"rope_scaling": {"type": "linear", "factor": 0.5}},
    "linear with original length": {"rope_scaling": {"type": "linear", "factor": 2.0, "original_max_position_embeddings": 64}},
    "default with a factor": {"rope_scaling": {"type": "default", "factor": 2.0}},
    "a factor without type": {"rope_scaling": {"factor": 2.0}},
    "dynamic": {"rope_scaling": {"type": "dynamic", "factor": 2.0}},
    "dynamic with alpha": {"rope_scaling": {"type": "dynamic", "factor": 2.0, "alpha": 1000.0}},
    "yarn": {"rope_theta": 10000.0, "rope_scaling": YARN},
    "yarn by type": {"rope_scaling": {"type": "yarn", "factor": 4.0, "original_max_position_embeddings": 32}},
    "yarn without original length": {"rope_scaling": {"type": "yarn", "factor": 4.0}},
    "yarn with original length at the top": {"original_max_position_embeddings": 16, "rope_scaling": YARN},
    "yarn with original length null": {"rope_scaling": {**YARN, "original_max_position_embeddings": None}},
    "yarn longer than the limit": {"max_position_embeddings": 16, "rope_scaling": YARN},
    "yarn with nulls": {"rope_scaling": {**YARN, "attention_factor": None, "beta_fast": None, "beta_slow": None, "mscale": None}},
    "yarn as llama.cpp says": {"rope_scaling": {**YARN, "attn_factor": 1.0, "extrapolation_factor": 1.0}},
    "yarn with finetuned": {"rope_scaling": {**YARN, "finetuned": True}},
    "yarn with an attention factor": {"rope_scaling": {**YARN, "attention_factor": 1.5}},
    "yarn with an integer attention factor": {"rope_scaling": {**YARN, "attention_factor": 1}},
    "yarn with factor as an integer": {"rope_scaling": {**YARN, "factor": 4}},
    "yarn with mscale": {"rope_scaling": {**YARN, "mscale": 0.7, "mscale_all_dim": 0.5}},
    "yarn of a factor of 1": {"rope_scaling": {**YARN, "factor": 1.0}},
    "yarn with theta inside": {"rope_theta": 777.0, "rope_scaling": {**YARN, "rope_theta": 10000.0}},
    "llama3": {"rope_scaling": LLAMA3},
    "llama3 with equal lengths": {"max_position_embeddings": 32, "rope_scaling": LLAMA3},
    "llama3 longer than the limit": {"max_position_embeddings": 16, "rope_scaling": LLAMA3},
    "llama3 without factors": {"rope_scaling": {"rope_type": "llama3", "factor": 8.0}},
    "mrope": {"rope_scaling": {"type": "mrope", "mrope_section": [1, 1, 2]}},
    "default with an mrope section": {"rope_scaling": {"rope_type": "default", "mrope_section": [1, 1, 2]}},
    "an unknown type": {"rope_scaling": {"rope_type": "banana", "factor": 2.0}},
    "su": {"rope_scaling": {"type": "su", "short_factor": [1.0] * 4, "long_factor": [2.0] * 4}},
    "type null": {"rope_scaling": {"type": None, "factor": 2.0}},
    "scaling as text": {"rope_scaling": "linear"},
    "scaling as a list": {"rope_scaling": ["linear", 2]},
    "scaling false": {"rope_scaling": False},
    "both spellings": {"rope_parameters": {"rope_type": "default", "rope_theta": 500.0}, "rope_scaling": {"type": "linear", "factor": 2.0}},
    "parameters null": {"rope_parameters": None},
    "parameters without theta": {"rope_parameters": {"rope_type": "linear", "factor": 2.0}},
    "parameters by type": {"rope_parameters": {"type": "linear", "factor": 2.0, "rope_theta": 10000.0}},
    "parameters for each type of layer": {"rope_parameters": {"full_attention": {"rope_type": "default", "rope_theta": 100.0}, "sliding_attention": {"rope_type": "default", "rope_theta": 10000.0}}},
    "a part of each head": {"partial_rotary_factor": 0.5},
    "whole heads": {"partial_rotary_factor": 1.0},
    "a part of each head inside": {"rope_parameters": {"rope_type": "default", "rope_theta": 10000.0, "partial_rotary_factor": 0.5}},
    "rope_local_base_freq": {"rope_local_base_freq": 10000.0},
    "rope_dim": {"rotary_dim": 4, "rotary_pct": 0.25, "rotary_emb_base": 500},
}


def ropes(family: str) -> list[dict]:
    # A head_dim of null stops yarn and dynamic in the reference.
    told = {"head_dim": 8} if family == "mixtral" else {}
    drops = lambda values: [] if "rope_parameters" in values else ["rope_parameters"]
    return [case(f"rope: {name}", set={**told, **values}, drop=drops(values)) for name, values in ROPES.items()]


def tokens(config: dict) -> list[dict]:
    vocab = config["vocab_size"]
    values = {
        "none at all": {"bos_token_id": None, "eos_token_id": None, "pad_token_id": None},
        "several ends": {"eos_token_id": [91, 92]},
        "no ends": {"eos_token_id": []},
        "several beginnings": {"bos_token_id": [1, 2]},
        "several pads": {"pad_token_id": [1, 2]},
        "a pad of -1": {"pad_token_id": -1},
        "an end of -1": {"eos_token_id": -1},
        "a pad beyond the vocabulary": {"pad_token_id": vocab},
        "an end beyond the vocabulary": {"eos_token_id": vocab + 3},
        "one of several ends beyond": {"eos_token_id": [91, vocab + 3]},
        "a beginning beyond the vocabulary": {"bos_token_id": 151643},
        "an end as text": {"eos_token_id": "91"},
        "a fraction": {"eos_token_id": 91.5},
        "other tokens": {"sep_token_id": 5, "cls_token_id": None, "image_token_id": 151655, "unk_token_id": 0},
    }
    return [case(f"tokens: {name}", set=value) for name, value in values.items()]


def absent(config: dict) -> list[dict]:
    """Each key of the file left out, and each set to null."""
    found = []
    for key in config:
        found.append(case(f"without {key}", drop=[key]))
        if config[key] is not None:
            found.append(case(f"{key} is null", set={key: None}))
    return [one for one in found if one["name"] not in {"rope_parameters is null", "without tie_word_embeddings"}]


def of_mixtral() -> list[dict]:
    return [
        case("router_jitter_noise", set={"router_jitter_noise": 0.1}),
        case("norm_topk_prob of another family", set={"norm_topk_prob": False}),
        case("v0.1 as released", set={"rope_theta": 10000.0, "torch_dtype": "bfloat16", "transformers_version": "4.36.0.dev0", "output_router_logits": False}, drop=["rope_parameters", "dtype", "head_dim", "router_jitter_noise"]),
    ]


def of_qwen3_moe() -> list[dict]:
    return [
        case("a window that is not used", set={"sliding_window": 4, "use_sliding_window": False, "max_window_layers": 1}),
        case("a window that is used", set={"sliding_window": 4, "use_sliding_window": True, "max_window_layers": 1}),
        case("a window that is used and null", set={"sliding_window": None, "use_sliding_window": True}),
        case("mlp_only_layers beyond", set={"mlp_only_layers": [99]}),
        case("mlp_only_layers null", set={"mlp_only_layers": None}),
        case("qkv_bias", set={"qkv_bias": True}),
        case("shared experts", set={"shared_expert_intermediate_size": 8}),
        case("no qk norm", set={"use_qk_norm": False}),
        case("decoder_sparse_step of 0", set={"decoder_sparse_step": 0}),
        case("Qwen3-30B-A3B as released", set={"rope_theta": 10000.0, "rope_scaling": None, "torch_dtype": "bfloat16", "max_window_layers": 48, "num_experts": 6, "transformers_version": "4.51.0", "use_sliding_window": False}, drop=["rope_parameters", "dtype", "num_local_experts"]),
    ]


def of_afmoe() -> list[dict]:
    return [
        case("score_func softmax", set={"score_func": "softmax"}),
        case("route_norm false", set={"route_norm": False}),
        case("groups", set={"n_group": 2, "topk_group": 1}),
        case("groups of one", set={"n_group": 1, "topk_group": 1, "num_expert_groups": 1, "num_limited_groups": 1}),
        case("load_balance_coeff", set={"load_balance_coeff": 0.001, "use_grouped_mm": True}),
        case("mup null", set={"mup_enabled": None}),
        case("dense layers null", set={"num_dense_layers": None}),
        case("no shared experts", set={"num_shared_experts": 0}),
        case("a router without bias", tensors=[{"drop": "expert_bias"}]),
        case("expert_bias under its other name", tensors=[rename(r"mlp\.expert_bias", "mlp.router.expert_bias")]),
    ]


OF_FAMILY = {"mixtral": of_mixtral, "qwen3-moe": of_qwen3_moe, "afmoe": of_afmoe}
