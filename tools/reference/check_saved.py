"""Checks that transformers loads the models that we save, and computes what we compute.

    npm run build && python tools/reference/check_saved.py

Needs torch 2.13.0 and transformers 5.18.0, and Node on the path. Models: every golden checkpoint of the families, and
of each `basic` config one with fresh weights. Each is saved by `savePretrained` as it is, in float32, in bfloat16, in float16
and in shards. Then

- transformers finds no tensor missing, unexpected or of another shape,
- its logits (eager, float32) are ours within 1e-4 and what it is itself from its logits in float64,
- what it saves again has the same names and, tensor by tensor, the same bytes,
- and so has the golden checkpoint, where its spelling is the one that is saved.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import torch
from safetensors import safe_open
from transformers import AutoModelForCausalLM

ROOT = Path(__file__).resolve().parents[2]
MODELS = ROOT / "packages" / "testing" / "__fixtures__" / "models"
FAMILIES = {
    "afmoe": "AfmoeForCausalLM",
    "deepseek-v3": "DeepseekV3ForCausalLM",
    "gpt-oss": "GptOssForCausalLM",
    "mixtral": "MixtralForCausalLM",
    "olmoe": "OlmoeForCausalLM",
    "qwen2-moe": "Qwen2MoeForCausalLM",
    "qwen3-moe": "Qwen3MoeForCausalLM",
    "qwen3-next": "Qwen3NextForCausalLM",
}
IDS = [[(i * i * 7 + i * 13 + row * 31 + 5) % 61 for i in range(11)] for row in range(2)]
TOLERANCE = 1e-4

# Loads or makes each model of a list, and saves it in several ways, with the logits that the saved one gives beside it.
SAVE = """
const [root, jobsFile] = process.argv.slice(1);
const load = (name) => import(`${root}packages/${name}/dist/index.js`);
const { readFile, writeFile } = await import("node:fs/promises");
const { useEngine } = await load("engine");
await useEngine("cpu");
const { ids, jobs } = JSON.parse(await readFile(jobsFile, "utf8"));
for (const { family, className, source, fresh, saves } of jobs) {
  const { [className]: Model } = await load(family);
  let model = await Model.fromPretrained(source);
  if (fresh) {
    const { config } = model;
    model.dispose();
    model = new Model(config);
    await model.initialize({ seed: 7, std: 0.2 });
  }
  for (const { folder, options } of saves) {
    await model.savePretrained(folder, options);
    const saved = await Model.fromPretrained(folder);
    const { logits } = saved.forward({ inputIds: ids });
    await writeFile(`${folder}/logits.json`, JSON.stringify(Array.from(await logits.data())));
    logits.dispose();
    saved.dispose();
  }
  model.dispose();
}
"""

WAYS = {
    "own": {},
    "float32": {"dtype": "F32"},
    "bfloat16": {"dtype": "BF16"},
    "float16": {"dtype": "F16"},
    "sharded": {"maxShardBytes": 8_000},
}


def tensors_of(folder):
    """Dtype, shape and bytes of every tensor of a checkpoint, by name."""
    found = {}
    for file in sorted(folder.glob("model*.safetensors")):
        with safe_open(file, framework="pt") as source:
            for name in source.keys():
                assert name not in found, f"{folder}: {name} is there twice"
                tensor = source.get_tensor(name)
                found[name] = (tensor.dtype, tuple(tensor.shape), tensor.contiguous().flatten().view(torch.uint8).tolist())
    return found


def jobs_in(out):
    for family, class_name in FAMILIES.items():
        for source in sorted((MODELS / family).iterdir()):
            for fresh in [False, True] if source.name == "basic" else [False]:
                name = f"{family}-{source.name}{'-fresh' if fresh else ''}"
                yield {
                    "family": family,
                    "className": class_name,
                    "source": str(source),
                    "fresh": fresh,
                    "saves": [{"folder": str(out / name / way), "options": options} for way, options in WAYS.items()],
                }


def check(save, job):
    """The largest difference of a logit, and how many tensors were compared."""
    folder, source = Path(save["folder"]), Path(job["source"])
    is_sharded = (folder / "model.safetensors.index.json").exists()
    assert is_sharded == (folder.name == "sharded"), f"{folder}: sharded: {is_sharded}"

    model, info = AutoModelForCausalLM.from_pretrained(
        folder, attn_implementation="eager", experts_implementation="eager", output_loading_info=True
    )
    wrong = {key: value for key, value in info.items() if value}
    assert not wrong, f"{folder}: {wrong}"
    again = folder / "again"
    model.save_pretrained(again)
    saved = tensors_of(folder)
    written = tensors_of(again)
    differing = [name for name in written.keys() | saved.keys() if written.get(name) != saved.get(name)]
    assert not differing, f"{folder}: what transformers saves again differs: {differing}"
    if folder.name in ("float32", "bfloat16", "float16"):
        dtypes = {dtype for dtype, _, _ in saved.values()}
        # Besides what transformers keeps in float32, and so what it saves again.
        assert dtypes - {torch.float32} == {getattr(torch, folder.name)} - {torch.float32}, f"{folder}: {dtypes}"

    with torch.no_grad():
        actual = model.float().eval()(torch.tensor(IDS)).logits
        # How far float32 is from the truth, where rounding is all that two right answers differ by.
        rounding = (actual - model.double()(torch.tensor(IDS)).logits).abs().max().item()
    ours = torch.tensor(json.loads((folder / "logits.json").read_text())).reshape(actual.shape)
    difference = (actual - ours).abs().max().item()
    assert difference <= TOLERANCE + rounding, f"{folder}: logits differ by {difference}"

    is_spelled_so = not job["fresh"] and not source.name.endswith("-fused")
    if is_spelled_so and folder.name in ("own", "sharded"):
        there = tensors_of(source)
        if source.name == "mtp":  # Layers for multi-token prediction are not loaded.
            there = {name: tensor for name, tensor in there.items() if name in saved}
        assert there == saved, f"{folder}: differs from {source}"
    return difference, len(saved)


def main():
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as out:
        out = Path(out)
        jobs = list(jobs_in(out))
        (out / "jobs.json").write_text(json.dumps({"ids": IDS, "jobs": jobs}))
        node = ["node", "--input-type=module", "-e", SAVE, f"{ROOT.as_uri()}/", str(out / "jobs.json")]
        subprocess.run(node, check=True, cwd=ROOT)
        results = [(job["family"], *check(save, job)) for job in jobs for save in job["saves"]]
    for family in FAMILIES:
        own = [(difference, tensors) for name, difference, tensors in results if name == family]
        worst, tensors = max(difference for difference, _ in own), sum(tensors for _, tensors in own)
        print(f"{family}: {len(own)} checkpoints, {tensors} tensors byte-equal, logits within {worst:.1e}")
        assert len(own) >= 40


if __name__ == "__main__":
    sys.exit(main())
