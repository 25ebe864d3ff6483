"""Checks that random adapters of Hugging Face peft load here with peft's logits.

    npm run build && python tools/reference/check_peft_random.py [--count 100] [--seed 0]

Needs peft 0.21.2, torch 2.13.0 and transformers 5.18.0, and Node on the path. Each adapter has random options of LoraConfig (targets as lists,
expressions and parameters, patterns, layers, modules that train in full, tokens, biases, DoRA, rsLoRA) on a tiny model of one of the three
families, tied or not; four in ten have another list of targets in their config than the one they were made with. Where peft loads what
it saved, so must we, with its logits (eager, float32) within 1e-4.
"""

import argparse
import json
import random
import shutil
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import AutoModelForCausalLM
from transformers.utils import logging

ROOT = Path(__file__).resolve().parents[2]
MODELS = ROOT / "packages" / "testing" / "__fixtures__" / "models"
CLASSES = {"afmoe": "AfmoeForCausalLM", "mixtral": "MixtralForCausalLM", "qwen3-moe": "Qwen3MoeForCausalLM"}
NAMES = [
    "mixtral/basic",
    "qwen3-moe/basic",
    "afmoe/basic",
    "mixtral/rope-linear",
    "qwen3-moe/mlp-only-layers",
    "afmoe/left-padded",
]
IDS = [[(i * i * 7 + i * 13 + 5) % 97 for i in range(9)]]
TOLERANCE = 1e-4

LOAD = """
const [root, jobsFile] = process.argv.slice(1);
const load = (name) => import(`${root}packages/${name}/dist/index.js`);
const { readFile, writeFile } = await import("node:fs/promises");
const { useEngine } = await load("engine");
await useEngine("cpu");
const { loadAdapter } = await load("peft");
const { ids, jobs } = JSON.parse(await readFile(jobsFile, "utf8"));
for (const { family, className, model: source, folder } of jobs) {
  const { [className]: Model } = await load(family);
  const model = await Model.fromPretrained(source);
  const result = {};
  try {
    await loadAdapter(model, folder, { onWarning: () => {} });
    result.logits = Array.from(await model.forward({ inputIds: ids }).logits.data());
  } catch (error) {
    result.error = `${error.name}: ${error.message}`;
  }
  model.dispose();
  await writeFile(`${folder}/ours.json`, JSON.stringify(result));
}
"""

ATTENTION = ["q_proj", "k_proj", "v_proj", "o_proj"]
EXPRESSIONS = [
    r".*\.(q|v)_proj",
    r".*layers\.1\..*_proj",
    r".*self_attn\.k_proj|lm_head",
    r"model\.layers\.0\..*",
    r".*(gate|q_proj)",
    r".*embed_tokens|.*o_proj",
]
PARAMETERS = ["mlp.experts.gate_up_proj", "mlp.experts.down_proj", "gate.weight", "down_proj", "layers.1.mlp.experts.gate_up_proj"]
# What an option may be, and how often it is asked for.
OPTIONS = {
    "rank_pattern": (0.3, [{"q_proj": 4}, {r"layers\.1\..*": 2}, {"^model.layers.0.self_attn.k_proj": 3}, {"down_proj": 2}]),
    "alpha_pattern": (0.3, [{"q_proj": 7}, {r".*layers\.0.*": 0.5}, {"experts.down_proj": 3}, {"lm_head": 1}]),
    "exclude_modules": (0.2, [["layers.1.self_attn.q_proj"], ["o_proj"], r".*layers\.0.*", ["lm_head"]]),
    "use_rslora": (0.2, [True]),
    "use_dora": (0.15, [True]),
    "bias": (0.2, ["all", "lora_only"]),
    "lora_bias": (0.1, [True]),
    "trainable_token_indices": (0.1, [[5, 18], {"lm_head": [2]}, {"embed_tokens": [5]}]),
    "ensure_weight_tying": (0.2, [True]),
    "init_lora_weights": (0.2, ["gaussian", False, "orthogonal", "mica"]),
}


def random_config(rnd: random.Random, family: str) -> dict:
    config = dict(r=rnd.choice([1, 2, 3]), lora_alpha=rnd.choice([1, 2.5, -3, 8]))
    kind = rnd.choices(["list", "expression", "all-linear", "few"], [5, 2, 1, 2])[0]
    experts = ["w1", "w2", "w3"] if family == "mixtral" else ["gate_proj", "up_proj", "down_proj"]
    if kind == "list":
        names = rnd.sample(ATTENTION, rnd.randint(1, 3))
        chances = [(0.4, experts), (0.3, ["gate"]), (0.25, ["embed_tokens"]), (0.25, ["lm_head"]), (0.1, ["self_attn.gate_proj"])]
        names += [name for chance, more in chances if rnd.random() < chance for name in more]
        config["target_modules"] = names
        if rnd.random() < 0.3:
            config["layers_to_transform"] = rnd.choice([[1], 0, [0, 1], []])
            if config["layers_to_transform"] != [] and rnd.random() < 0.5:
                config["layers_pattern"] = rnd.choice(["layers", ["h", "layers"]])
    else:
        config["target_modules"] = {
            "expression": rnd.choice(EXPRESSIONS),
            "all-linear": "all-linear",
            "few": rnd.choice([[], ["q_proj"]]),
        }[kind]
    if rnd.random() < 0.3 or not config["target_modules"]:
        config["target_parameters"] = rnd.sample(PARAMETERS, rnd.randint(1, 2))
    if rnd.random() < 0.25:
        modules = ["embed_tokens", "lm_head", "norm", "gate", "input_layernorm", "q_norm"]
        config["modules_to_save"] = rnd.sample(modules, rnd.randint(1, 2))
    for option, (chance, values) in OPTIONS.items():
        if rnd.random() < chance:
            config[option] = rnd.choice(values)
    return json.loads(json.dumps(config))


def load(name: str):
    kinds = dict(attn_implementation="eager", experts_implementation="eager")
    return AutoModelForCausalLM.from_pretrained(MODELS / name, **kinds).eval()


def save_random(rnd: random.Random, name: str, config: dict, folder: Path, seed: int) -> torch.Tensor:
    """Saves an adapter. @returns what the model gives with it once peft has loaded it"""
    model = get_peft_model(load(name), LoraConfig(task_type="CAUSAL_LM", **json.loads(json.dumps(config))))
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter_name, parameter in model.named_parameters():
            noise = 0.1 * torch.randn(parameter.shape, generator=generator)
            if "lora_magnitude" in parameter_name:
                parameter.mul_(1 + noise)
            elif "lora_" in parameter_name:
                parameter.copy_(noise)
            elif parameter.requires_grad:
                parameter.add_(noise)
    model.peft_config["default"].base_model_name_or_path = None
    model.save_pretrained(folder)
    if rnd.random() < 0.4:
        path = folder / "adapter_config.json"
        targets = config["target_modules"]
        if isinstance(targets, list) and rnd.random() < 0.5:
            targets = targets[1:] or targets
        path.write_text(json.dumps(json.loads(path.read_text()) | {"target_modules": targets}))
    with torch.no_grad():
        return PeftModel.from_pretrained(load(name), folder).eval()(torch.tensor(IDS)).logits


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    flags = parser.parse_args()
    torch.set_num_threads(1)
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    warnings.simplefilter("ignore")
    rnd = random.Random(flags.seed)
    jobs, expected, tries = [], [], 0
    with tempfile.TemporaryDirectory() as out:
        while len(jobs) < flags.count:
            tries += 1
            name, folder = rnd.choice(NAMES), Path(out) / str(len(jobs))
            family = name.split("/")[0]
            config = random_config(rnd, family)
            try:
                expected.append(save_random(rnd, name, config, folder, tries))
            except Exception:  # What peft itself refuses, it refuses with errors of many classes.
                shutil.rmtree(folder, ignore_errors=True)
                continue
            about = dict(family=family, className=CLASSES[family], model=str(MODELS / name), folder=str(folder))
            jobs.append(about | dict(about=f"{name} {config}"))
        (Path(out) / "jobs.json").write_text(json.dumps({"ids": IDS, "jobs": jobs}))
        node = ["node", "--input-type=module", "-e", LOAD, f"{ROOT.as_uri()}/", f"{out}/jobs.json"]
        subprocess.run(node, check=True, cwd=ROOT)
        bad = 0
        for job, logits in zip(jobs, expected):
            ours = json.loads((Path(job["folder"]) / "ours.json").read_text())
            fault = ours.get("error")
            if fault is None:
                difference = (torch.tensor(ours["logits"]).reshape(logits.shape) - logits).abs().max().item()
                fault = None if difference <= TOLERANCE else f"logits differ by {difference}"
            if fault is not None:
                bad += 1
                print(f"{job['about']}\n    {fault}")
        print(f"{len(jobs)} adapters of {tries} that peft could load: {bad} of them otherwise here")
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
