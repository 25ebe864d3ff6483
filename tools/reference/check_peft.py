"""Checks that Hugging Face peft loads the adapters that we save, and computes what we compute.

    npm run build && python tools/reference/check_peft.py

Needs peft 0.21.2, torch 2.13.0 and transformers 5.18.0, and Node on the path. Adapters: those of the golden files, loaded and
saved again by us, and fresh ones with random values at attention, routers, routed
experts, embeddings and heads of all three families. Then

- peft finds no tensor missing or unexpected,
- its logits (eager, float32) are ours within 1e-4, and not those of the model alone.
"""

import json
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM
from transformers.utils import logging

ROOT = Path(__file__).resolve().parents[2]
FIXTURES = ROOT / "packages" / "testing" / "__fixtures__"
CLASSES = {"afmoe": "AfmoeForCausalLM", "mixtral": "MixtralForCausalLM", "qwen3-moe": "Qwen3MoeForCausalLM"}
IDS = [[(i * i * 7 + i * 13 + row * 31 + 5) % 97 for i in range(11)] for row in range(2)]
TOLERANCE = 1e-4

# Loads or makes each adapter of a list, and saves it with the logits that the model has with it beside it.
SAVE = """
const [root, jobsFile] = process.argv.slice(1);
const load = (name) => import(`${root}packages/${name}/dist/index.js`);
const { readFile, writeFile } = await import("node:fs/promises");
const tf = await import("@tensorflow/tfjs-core");
const { useEngine } = await load("engine");
await useEngine("cpu");
const { applyAdapter, loadAdapter, saveAdapter } = await load("peft");
const { ids, jobs } = JSON.parse(await readFile(jobsFile, "utf8"));
for (const { family, className, model: source, folder, adapter: golden, config } of jobs) {
  const { [className]: Model } = await load(family);
  const model = await Model.fromPretrained(source);
  const adapter = golden ? await loadAdapter(model, golden) : await applyAdapter(model, config, { seed: 3 });
  let seed = 1;
  if (config)
    for (const [name, param] of adapter.namedParameters()) {
      const noise = (part) => tf.randomNormal(part.shape, 0, 0.2, "float32", seed++);
      const isScale = name.endsWith("magnitude");
      param.assign(param.weight.parts.map((part) => (isScale ? tf.mul(part, tf.add(noise(part), 1)) : noise(part))));
    }
  await saveAdapter(adapter, folder);
  const { logits } = model.forward({ inputIds: ids });
  await writeFile(`${folder}/logits.json`, JSON.stringify(Array.from(await logits.data())));
  model.dispose();
}
"""

ATTENTION = ["q_proj", "v_proj"]
APART = ["gate_proj", "up_proj", "experts.down_proj"]
FRESH = [
    ("mixtral/basic", "everything", dict(method="lora", r=3, targetModules=[*ATTENTION, "router.gate", "gate_up_proj", "experts.down_proj"])),
    ("mixtral/basic", "apart", dict(method="lora", r=2, targetModules=[*ATTENTION, *APART])),
    ("mixtral/basic", "down alone", dict(method="lora", r=2, loraDropout=0.1, targetModules=["w2"])),
    ("qwen3-moe/basic", "apart", dict(method="lora", r=2, loraAlpha=3, targetModules=APART)),
    ("qwen3-moe/basic", "layer", dict(method="dora", r=2, targetModules=r".*layers\.1\..*\.[qo]_proj")),
    ("qwen3-moe/basic", "router", dict(method="lora", r=2, targetModules=["mlp.gate", "k_proj"])),
    ("qwen3-moe/sparse-step", "sparse", dict(method="lora", r=2, targetModules=["o_proj", "experts.gate_up_proj"])),
    ("afmoe/basic", "everything", dict(method="lora", r=2, targetModules=[*ATTENTION, "router.gate", "gate_up_proj", "experts.down_proj"])),
    (
        "mixtral/basic",
        "patterns",
        dict(
            method="lora",
            r=4,
            loraAlpha=6,
            targetModules=["q_proj", "k_proj", "experts.gate_up_proj"],
            rankPattern={"k_proj": 2, r"layers\.1\.mlp\.experts\.gate_up_proj": 3},
            alphaPattern={"q_proj": 9},
        ),
    ),
    (
        "mixtral/basic",
        "saved modules",
        dict(method="lora", r=2, targetModules=["q_proj"], modulesToSave=["embed_tokens", "lm_head", "norm", "gate"]),
    ),
    ("qwen3-moe/basic", "embeddings", dict(method="lora", r=2, targetModules=["embed_tokens", "lm_head", "o_proj"])),
    ("afmoe/basic", "dora embeddings", dict(method="dora", r=2, targetModules=["embed_tokens", "lm_head"])),
    (
        "mixtral/rope-linear",
        "tied copy",
        dict(method="lora", r=2, targetModules=["v_proj"], modulesToSave=["lm_head"], ensureWeightTying=True),
    ),
    ("qwen3-moe/mlp-only-layers", "biases", dict(method="lora", r=2, targetModules=["q_proj"], loraBias=True)),
    ("mixtral/basic", "dora", dict(method="dora", r=2, useRslora=True, targetModules=["q_proj", "k_proj", "v_proj", "o_proj"])),
]


def jobs_in(out):
    for number, (model, name, config) in enumerate(FRESH):
        yield dict(name=f"{model} {name}", model=model, config=config, folder=str(out / f"fresh-{number}"))
    for folder in sorted((FIXTURES / "adapters").glob("*/*")):
        if json.loads((folder / "adapter_config.json").read_text())["peft_type"] != "LORA":
            continue
        model = json.loads((folder / "case.json").read_text())["model"]
        name = f"{folder.parent.name} {folder.name}"
        yield dict(name=name, model=model, adapter=str(folder), folder=str(out / f"{folder.parent.name}-{folder.name}"))


def check(job) -> float:
    """The largest difference of a logit."""
    load = lambda: AutoModelForCausalLM.from_pretrained(job["model"], attn_implementation="eager", experts_implementation="eager")
    ids = torch.tensor(IDS)
    with warnings.catch_warnings(record=True) as caught, torch.no_grad():
        warnings.simplefilter("always")
        base = load().eval()(ids, use_cache=False).logits
        adapted = PeftModel.from_pretrained(load(), job["folder"]).eval()(ids, use_cache=False).logits
    said = [str(warning.message) for warning in caught]
    # peft warns of patterns for parameters, which it heeds.
    wrong = [text for text in said if "key" in text and "pattern" not in text]
    assert not wrong, f"{job['name']}: {wrong}"
    ours = torch.tensor(json.loads((Path(job["folder"]) / "logits.json").read_text())).reshape(adapted.shape)
    difference = (adapted - ours).abs().max().item()
    assert difference <= TOLERANCE, f"{job['name']}: logits differ by {difference}"
    moved = (adapted - base).abs().max().item()
    assert moved > 0.05, f"{job['name']}: the adapter moves the logits by {moved} only"
    return difference


def main():
    torch.set_num_threads(1)
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    with tempfile.TemporaryDirectory() as out:
        jobs = list(jobs_in(Path(out)))
        for job in jobs:
            family = job["model"].split("/")[0]
            job |= dict(family=family, className=CLASSES[family], model=str(FIXTURES / "models" / job["model"]))
        (Path(out) / "jobs.json").write_text(json.dumps({"ids": IDS, "jobs": jobs}))
        node = ["node", "--input-type=module", "-e", SAVE, f"{ROOT.as_uri()}/", f"{out}/jobs.json"]
        subprocess.run(node, check=True, cwd=ROOT)
        for job in jobs:
            print(f"{job['name']}: logits within {check(job):.1e}")
        assert len(jobs) >= 30


if __name__ == "__main__":
    sys.exit(main())
