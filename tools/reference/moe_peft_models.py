"""Tiny models whose feed-forwards are dense, as MoE-PEFT 2.0.2 runs them and as Mixtape loads them.

MoE-PEFT has no model with routed experts. Two of its dense ones are also models of Mixtape's families:

- `qwen3-moe`: Qwen3-MoE where every layer is in `mlp_only_layers`. MoE-PEFT's Llama, with the norms of Qwen3's heads behind its q and k.
- `mixtral`: Mixtral with one expert in each layer, whose weight is 1: MoE-PEFT's Llama as it is. There an adapter of the feed-forward is
  one of routed experts.
"""

import re

import torch
from moe_peft.common import Linear
from moe_peft.model import LLMModel
from moe_peft.models import LlamaForCausalLM
from moe_peft.models.modeling_llama import LlamaRMSNorm
from transformers import LlamaConfig
from transformers import LlamaForCausalLM as HuggingFaceLlama

VOCABULARY, PAD = 41, 0
SHAPE = dict(
    vocab_size=VOCABULARY,
    hidden_size=16,
    intermediate_size=20,
    num_hidden_layers=2,
    num_attention_heads=4,
    num_key_value_heads=2,
    max_position_embeddings=64,
    rms_norm_eps=1e-6,
    tie_word_embeddings=False,
    pad_token_id=PAD,
    bos_token_id=None,
    eos_token_id=None,
)
HEAD_DIM = SHAPE["hidden_size"] // SHAPE["num_attention_heads"]
ROPE_THETA = 1e4


class NormedLinear(Linear):
    """MoE-PEFT's linear map, and behind it and its adapters the norm of each head, which Qwen3 has and MoE-PEFT's models lack."""

    def __init__(self, linear: Linear, weight: torch.Tensor):
        super().__init__(linear.base_layer_, "cpu")
        self.norm = LlamaRMSNorm(weight, SHAPE["rms_norm_eps"])

    def forward(self, hidden_states, input_args):
        y = super().forward(hidden_states, input_args)
        return self.norm(y.view(*y.shape[:-1], -1, HEAD_DIM)).view_as(y)


class Base:
    """A checkpoint: what Mixtape loads (`config`, `tensors`), and models of MoE-PEFT with its weights."""

    def __init__(self, family: str):
        self.family = family
        generator = torch.Generator().manual_seed({"qwen3-moe": 11, "mixtral": 12}[family])
        self.llama = HuggingFaceLlama(LlamaConfig(**SHAPE, rope_theta=ROPE_THETA, name_or_path=f"tiny/{family}"))
        with torch.no_grad():
            for parameter in self.llama.parameters():
                noise = torch.randn(parameter.shape, generator=generator)
                parameter.copy_(1 + 0.2 * noise if parameter.ndim == 1 else noise * 1.2 / parameter.shape[1] ** 0.5)
            self.llama.model.embed_tokens.weight.mul_(SHAPE["hidden_size"] ** 0.5)
        layers = range(SHAPE["num_hidden_layers"])
        heads = [f"model.layers.{i}.self_attn.{part}_norm.weight" for i in layers for part in ("q", "k")]
        self.norms = {
            name: 1 + 0.2 * torch.randn(HEAD_DIM, generator=generator) for name in heads if family == "qwen3-moe"
        }

    @property
    def config(self) -> dict:
        """`config.json`"""
        common = dict(SHAPE, hidden_act="silu", rope_theta=ROPE_THETA, torch_dtype="float32")
        if self.family == "mixtral":
            own = dict(num_local_experts=1, num_experts_per_tok=1, sliding_window=None)
            return dict(architectures=["MixtralForCausalLM"], model_type="mixtral", **common, **own)
        own = dict(head_dim=HEAD_DIM, mlp_only_layers=list(range(SHAPE["num_hidden_layers"])))
        return dict(architectures=["Qwen3MoeForCausalLM"], model_type="qwen3_moe", **common, **own)

    @property
    def tensors(self) -> dict:
        """`model.safetensors`"""
        state = self.llama.state_dict()
        if self.family == "qwen3-moe":
            return {**state, **self.norms}
        parts = {"gate_proj": "w1", "down_proj": "w2", "up_proj": "w3"}
        renamed = {}
        for name, tensor in state.items():
            for part, short in parts.items():
                name = name.replace(f"mlp.{part}", f"block_sparse_moe.experts.0.{short}")
            renamed[name] = tensor
        # One expert has all of the probability, whatever its router says.
        gates = {
            f"model.layers.{i}.block_sparse_moe.gate.weight": torch.ones(1, SHAPE["hidden_size"])
            for i in range(SHAPE["num_hidden_layers"])
        }
        return {**renamed, **gates}

    def adapter_name(self, name: str) -> str:
        """The name that Mixtape gives a tensor of MoE-PEFT's: that of the one routed expert."""
        if self.family != "mixtral":
            return name
        return re.sub(r"\.mlp\.(?=\w+_proj)", ".mlp.experts.0.", name).replace(".mlp.moe_gate", ".mlp.experts.moe_gate")

    def load(self) -> LLMModel:
        """A fresh model of MoE-PEFT, without adapters. Its embedding has a gradient, which shows that of the input."""
        model = LlamaForCausalLM.from_pretrained(self.llama, device="cpu")
        for layer in model.layers_:
            if self.norms:
                attention = layer.self_attn_
                at = f"model.layers.{layer.layer_id_}.self_attn"
                attention.wq_ = NormedLinear(attention.wq_, self.norms[f"{at}.q_norm.weight"])
                attention.wk_ = NormedLinear(attention.wk_, self.norms[f"{at}.k_norm.weight"])
        embedding = model.embed_tokens_
        embedding.token_embedding_ = torch.nn.Parameter(embedding.token_embedding_.detach().clone())
        return LLMModel(model)
