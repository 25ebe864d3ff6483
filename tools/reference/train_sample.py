"""Trains the sample AFMoE model from scratch on a CPU and writes it in Hugging Face format.

    python train_sample.py --data DATA --work WORK --out models/sample-afmoe

DATA holds the texts (see sample_corpus.py and the model card for how to get them), WORK takes the resumable snapshot,
the log and the measurements. Run the same command again to resume. Every batch is a function of the seed and the step
alone, so a resumed run sees the same batches as an unbroken one.
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np
import torch
from transformers import AfmoeConfig, AfmoeForCausalLM, GenerationConfig, PreTrainedTokenizerFast, set_seed

from sample_corpus import REGISTERS, read_corpus
from sample_measure import measure
from sample_tokenizer import END_OF_TEXT, VOCAB_SIZE, register_token, train_tokenizer

SEED = 20250
TOKENS_PER_STEP = 2048
# Mostly short windows for speed; every fourth step has the full context, so that all positions are trained.
SHORT_WINDOW, LONG_WINDOW, LONG_EVERY = 256, 1024, 4
# Warm-up, then constant, then a linear fall to FLOOR over the last DECAY_SHARE of the steps. Unlike a cosine this lets
# the number of steps be settled while the run is under way, from the speed that a shared machine gives.
PEAK_LEARNING_RATE, FLOOR, DECAY_SHARE = 2e-3, 0.02, 0.4
WARM_UP_STEPS = 200
WEIGHT_DECAY = 0.1
GRADIENT_NORM = 1.0
# Step of the auxiliary-loss-free balancing: the bias of an underused expert rises by this, of an overused one falls.
BIAS_STEP = 1e-3
# A window starts with its register's token; in this share of windows the end-of-text token stands there instead.
NO_REGISTER = 0.1
SNAPSHOT_SECONDS = 60


def sample_config(special: dict[str, int]) -> AfmoeConfig:
    return AfmoeConfig(
        vocab_size=VOCAB_SIZE,
        hidden_size=192,
        intermediate_size=512,
        moe_intermediate_size=128,
        num_hidden_layers=6,
        num_dense_layers=1,
        num_attention_heads=6,
        num_key_value_heads=2,
        head_dim=32,
        num_experts=8,
        num_experts_per_tok=2,
        num_shared_experts=1,
        route_scale=1.5,
        sliding_window=128,
        global_attn_every_n_layers=3,
        max_position_embeddings=LONG_WINDOW,
        rope_parameters={"rope_type": "default", "rope_theta": 10000.0},
        mup_enabled=True,
        tie_word_embeddings=True,
        # The embedding is scaled by sqrt(hidden_size), so that this start gives the residual stream a size near one
        # and the tied head small logits.
        initializer_range=0.05,
        bos_token_id=special[END_OF_TEXT],
        eos_token_id=special[END_OF_TEXT],
        # A padding index would pin that row of the embedding to zero, and here it is the end-of-text row.
        pad_token_id=None,
    )


class Batches:
    """Windows drawn at random from one stream of token ids for each register."""

    def __init__(self, streams: dict[str, np.ndarray], tokenizer: PreTrainedTokenizerFast) -> None:
        self.streams = [streams[r] for r in REGISTERS]
        sizes = np.array([len(s) for s in self.streams], dtype=np.float64)
        # The square root gives the novel, which is small, a larger share than its size.
        self.shares = np.sqrt(sizes) / np.sqrt(sizes).sum()
        self.marks = tokenizer.convert_tokens_to_ids([register_token(r) for r in REGISTERS])
        self.end = tokenizer.convert_tokens_to_ids(END_OF_TEXT)

    def at(self, step: int) -> torch.Tensor:
        """Ids of `[windows, length + 1]`: the inputs and, shifted by one, the targets."""
        rng = np.random.default_rng([SEED, step])
        length = LONG_WINDOW if step % LONG_EVERY == 0 else SHORT_WINDOW
        rows = []
        for _ in range(TOKENS_PER_STEP // length):
            which = int(rng.choice(len(self.streams), p=self.shares))
            stream = self.streams[which]
            start = int(rng.integers(0, len(stream) - length))
            mark = self.end if rng.random() < NO_REGISTER else self.marks[which]
            rows.append(np.concatenate(([mark], stream[start : start + length])))
        return torch.from_numpy(np.stack(rows).astype(np.int64))


def learning_rate(step: int, steps: int) -> float:
    if step < WARM_UP_STEPS:
        return PEAK_LEARNING_RATE * (step + 1) / WARM_UP_STEPS
    left = (steps - step) / (DECAY_SHARE * steps)
    return PEAK_LEARNING_RATE * (FLOOR + (1 - FLOOR) * min(1.0, left))


def make_optimizer(model: AfmoeForCausalLM) -> torch.optim.AdamW:
    trained = [p for p in model.parameters() if p.requires_grad]
    return torch.optim.AdamW(
        [
            {"params": [p for p in trained if p.ndim >= 2], "weight_decay": WEIGHT_DECAY},
            {"params": [p for p in trained if p.ndim < 2], "weight_decay": 0.0},
        ],
        lr=PEAK_LEARNING_RATE,
        betas=(0.9, 0.95),
        fused=True,
    )


class ExpertBalance:
    """Moves each layer's `expert_bias` by the sign of (mean load - load) after every step; no auxiliary loss."""

    def __init__(self, model: AfmoeForCausalLM) -> None:
        self.blocks = [layer.mlp for layer in model.model.layers if layer.moe_enabled]
        self.loads: list[torch.Tensor | None] = [None] * len(self.blocks)
        for index, block in enumerate(self.blocks):
            block.router.register_forward_hook(self._recorder(index, block.router.num_experts))

    def _recorder(self, index: int, experts: int):
        def record(_module, _inputs, output) -> None:
            self.loads[index] = torch.bincount(output[2].flatten(), minlength=experts).float()

        return record

    @torch.no_grad()
    def update(self) -> float:
        """Applies one step and returns the worst load relative to the mean, over all layers."""
        worst = 0.0
        for block, load in zip(self.blocks, self.loads):
            if load is None:
                raise RuntimeError("a router was not run in this step")
            block.expert_bias += BIAS_STEP * torch.sign(load.mean() - load)
            block.expert_bias -= block.expert_bias.mean()
            worst = max(worst, float(load.max() / load.mean()))
        return worst


def cross_entropy(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    return torch.nn.functional.cross_entropy(logits.float().flatten(0, 1), targets.flatten())


def build(tokenizer: PreTrainedTokenizerFast) -> AfmoeForCausalLM:
    set_seed(SEED)
    special = {t: tokenizer.convert_tokens_to_ids(t) for t in tokenizer.all_special_tokens}
    model = AfmoeForCausalLM(sample_config(special))
    with torch.no_grad():
        for layer in model.model.layers:
            if layer.moe_enabled:  # the library starts the router at zero, where all experts tie
                layer.mlp.router.gate.weight.normal_(0.0, 0.02)
    model.set_experts_implementation("grouped_mm")
    return model


def save(model: AfmoeForCausalLM, tokenizer: PreTrainedTokenizerFast, out: Path) -> None:
    """Writes a bfloat16 copy; `model` keeps its float32 weights."""
    copy = AfmoeForCausalLM(model.config)
    copy.load_state_dict(model.state_dict())
    copy = copy.to(torch.bfloat16)
    end = model.config.eos_token_id
    copy.generation_config = GenerationConfig(
        do_sample=True, temperature=0.8, top_p=0.95, repetition_penalty=1.1,
        bos_token_id=end, eos_token_id=end, pad_token_id=end,
    )
    copy.save_pretrained(out)
    (out / "model.safetensors").chmod(0o644)
    tokenizer.save_pretrained(out, save_jinja_files=False)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=5000)
    parser.add_argument("--early", type=int, default=0, help="also write OUT once, at this step")
    parser.add_argument("--probe", type=int, default=0, help="run this many steps for timing, and save nothing")
    parser.add_argument("--compile", action="store_true", help="compile the layers (needs a C++ compiler)")
    args = parser.parse_args()
    torch.set_num_threads(2)
    args.work.mkdir(parents=True, exist_ok=True)

    corpus = read_corpus(args.data)
    tokenizer = train_tokenizer([d for r in REGISTERS for d in corpus.train[r]], LONG_WINDOW)
    end = tokenizer.convert_tokens_to_ids(END_OF_TEXT)
    encode = tokenizer.backend_tokenizer.encode_batch

    def stream(documents: list[str]) -> np.ndarray:
        return np.concatenate([np.array([end, *e.ids], dtype=np.uint16) for e in encode(documents)])

    train = {r: stream(corpus.train[r]) for r in REGISTERS}
    held_out = {r: stream(corpus.held_out[r]) for r in REGISTERS}
    print({r: (len(train[r]), len(held_out[r])) for r in REGISTERS}, flush=True)

    model = build(tokenizer)
    print(f"{sum(p.numel() for p in model.parameters()):,} parameters", flush=True)
    optimizer = make_optimizer(model)
    balance = ExpertBalance(model)
    batches = Batches(train, tokenizer)
    snapshot = args.work / "snapshot.pt"
    first, seconds = 0, 0.0
    if snapshot.exists() and not args.probe:
        state = torch.load(snapshot)
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        first, seconds = state["step"], state["seconds"]
        print(f"resumed at step {first}", flush=True)

    def keep(step: int) -> None:
        state = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "step": step, "seconds": seconds}
        torch.save(state, snapshot.with_suffix(".new"))
        snapshot.with_suffix(".new").replace(snapshot)

    loss_of = cross_entropy
    if args.compile:
        loss_of = torch.compile(cross_entropy, dynamic=False)
        for layer in model.model.layers:
            if layer.moe_enabled:  # sizes that depend on the routing stay out of the graph
                layer.mlp.forward = torch.compiler.disable(layer.mlp.forward)
            layer.compile(dynamic=False)

    model.train()
    last_kept, running = time.monotonic(), None
    for step in range(first, args.probe or args.steps):
        began = time.monotonic()
        ids = batches.at(step)
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(step, args.steps)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            logits = model(input_ids=ids[:, :-1], use_cache=False).logits
        loss = loss_of(logits, ids[:, 1:])
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(model.parameters(), GRADIENT_NORM)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        worst = balance.update()
        seconds += time.monotonic() - began
        running = loss.item() if running is None else 0.98 * running + 0.02 * loss.item()
        if step % 25 == 0:
            entry = {"step": step, "loss": round(running, 4), "norm": round(float(norm), 3), "worst_load": worst,
                     "seconds": round(seconds, 1)}
            print(json.dumps(entry), flush=True)
        if args.probe:
            continue
        if step + 1 == args.early:
            save(model, tokenizer, args.out)
        if time.monotonic() - last_kept > SNAPSHOT_SECONDS:
            keep(step + 1)
            last_kept = time.monotonic()
    if args.probe:
        return
    keep(args.steps)
    save(model, tokenizer, args.out)
    facts = measure(args.out, train, held_out, corpus)
    facts |= {"steps": args.steps, "seconds": round(seconds), "tokens_per_step": TOKENS_PER_STEP}
    (args.work / "measurements.json").write_text(json.dumps(facts, indent=2) + "\n")


if __name__ == "__main__":
    main()
