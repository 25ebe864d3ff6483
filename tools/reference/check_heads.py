"""Checks that transformers and peft load the heads that we save, and compute what we compute.

    npm run build && python tools/reference/check_heads.py

Needs peft 0.21.2, torch 2.13.0 and transformers 5.18.0, and Node on the path. Models: the golden checkpoints of heads that
transformers has, those of models without a head, and new heads on golden models of four other families. Adapters: those that peft made, loaded and saved again by us, and fresh ones.
Then

- transformers finds no tensor missing, unexpected or of another shape, by the class that `architectures` names,
- what it saves again has the same names and, tensor by tensor, the same bytes, and config.json the same labels,
- peft finds no tensor missing or unexpected,
- their logits (eager, float32) are ours within 1e-4.
"""

import json
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

import torch
import transformers
from check_saved import ROOT, TOLERANCE, tensors_of
from golden_peft_heads import FAMILIES, OUTPUTS, TASKS, inputs_of
from peft import PeftModel
from transformers.utils import logging

FIXTURES = ROOT / "packages" / "testing" / "__fixtures__"

SAVE = """
const [root, jobsFile] = process.argv.slice(1);
const load = (name) => import(`${root}packages/${name}/dist/index.js`);
const { readFile, writeFile } = await import("node:fs/promises");
const tf = await import("@tensorflow/tfjs-core");
const { loadModel, useEngine } = await load("mixtape");
const { applyAdapter, loadAdapter, saveAdapter } = await load("peft");
await useEngine("cpu");
for (const { source, folder, task, adapter, fresh, inputs } of JSON.parse(await readFile(jobsFile, "utf8"))) {
  const model = await loadModel(source, { onWarning() {}, ...(task && { task }) });
  if (adapter) await saveAdapter(await loadAdapter(model, adapter), folder);
  else if (fresh) {
    const made = await applyAdapter(model, fresh, { seed: 3 });
    let seed = 1;
    for (const [, param] of made.namedParameters())
      param.assign(param.weight.parts.map((part) => tf.randomNormal(part.shape, 0, 0.3, "float32", seed++)));
    await saveAdapter(made, folder);
  } else await model.savePretrained(folder);
  const output = model.forward(inputs);
  const written = {};
  for (const [name, tensor] of Object.entries(output))
    if (tensor instanceof tf.Tensor)
      written[name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)] = Array.from(await tensor.data());
  await writeFile(`${folder}/outputs.json`, JSON.stringify(written));
  model.dispose();
}
"""

CAMEL = {
    "input_ids": "inputIds",
    "attention_mask": "attentionMask",
    "labels": "labels",
    "start_positions": "startPositions",
    "end_positions": "endPositions",
}


# Other families whose heads transformers has: a golden causal language model, and the tasks of its new heads.
OTHERS = {
    "deepseek-v3": ["text-classification", "token-classification"],
    "gpt-oss": ["text-classification", "token-classification"],
    "qwen2-moe": ["text-classification", "token-classification", "question-answering"],
    "qwen3-next": ["text-classification", "token-classification", "question-answering"],
}


def jobs_in(out):
    for family, tasks in OTHERS.items():
        source = FIXTURES / "models" / family / "basic"
        for task in tasks:
            ids = torch.tensor([[(i * i * 7 + i * 13 + 5) % 61 for i in range(11)]])
            name = f"{family}-{task}"
            yield dict(family=family, source=str(source), folder=str(out / name), task=task, tensors=dict(input_ids=ids))
    for family, prefix in FAMILIES.items():
        for source in sorted((FIXTURES / "heads" / family).iterdir()):
            inputs = inputs_of(source)
            job = dict(family=family, source=str(source), tensors=inputs)
            name = f"{family}-{source.name}"
            yield job | dict(folder=str(out / name))
            ids = {key: inputs[key] for key in ("input_ids", "attention_mask") if key in inputs}
            yield job | dict(folder=str(out / f"{name}-base"), task="feature-extraction", tensors=ids)
            if source.name not in TASKS:
                continue
            adapter = FIXTURES / "head-adapters" / family / source.name
            yield job | dict(folder=str(out / f"{name}-adapter"), adapter=str(adapter))
            for method in ["lora", "dora"]:
                fresh = dict(method=method, r=2, targetModules=["q_proj", "o_proj"])
                yield job | dict(folder=str(out / f"{name}-fresh-{method}"), fresh=fresh)


def class_in(folder):
    [name] = json.loads((folder / "config.json").read_text())["architectures"]
    return getattr(transformers, name)


def check(job) -> tuple[str, float]:
    folder, source = Path(job["folder"]), Path(job["source"])
    eager = dict(attn_implementation="eager", experts_implementation="eager")
    if "adapter" in job or "fresh" in job:
        base = class_in(source).from_pretrained(source, **eager)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            model = PeftModel.from_pretrained(base, folder)
        wrong = [str(one.message) for one in caught if "key" in str(one.message)]
        assert not wrong, f"{folder}: {wrong}"
        config = json.loads((folder / "adapter_config.json").read_text())
        _, task = TASKS[source.name]
        assert config["task_type"] == task, f"{folder}: task_type {config['task_type']}"
    else:
        model, info = class_in(folder).from_pretrained(folder, output_loading_info=True, **eager)
        assert not any(info.values()), f"{folder}: {info}"
        again = folder / "again"
        model.save_pretrained(again)
        assert tensors_of(folder) == tensors_of(again), f"{folder}: what transformers saves again differs"
        if "task" not in job:
            assert tensors_of(folder) == tensors_of(source), f"{folder}: differs from {source}"
            ours, theirs = (json.loads((path / "config.json").read_text()) for path in (folder, again))
            for key in ["architectures", "id2label", "label2id", "problem_type"]:
                assert ours.get(key) == theirs.get(key), f"{folder}: {key}: {ours.get(key)}, not {theirs.get(key)}"
    with torch.no_grad():
        result = model.float().eval()(**job["tensors"])
    outputs = json.loads((folder / "outputs.json").read_text())
    worst = 0.0
    for name in ["last_hidden_state"] if job.get("task") == "feature-extraction" else OUTPUTS:
        assert (name in outputs) == (result.get(name) is not None), f"{folder}: {name}"
        if name not in outputs:
            continue
        difference = (result[name] - torch.tensor(outputs[name]).reshape(result[name].shape)).abs().max().item()
        assert difference <= TOLERANCE, f"{folder}: {name} differs by {difference}"
        worst = max(worst, difference)
    return folder.name, worst


def main():
    torch.set_num_threads(1)
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    with tempfile.TemporaryDirectory() as out:
        jobs = list(jobs_in(Path(out)))
        plain = [
            {key: value for key, value in job.items() if key != "tensors"}
            | dict(inputs={CAMEL[name]: tensor.tolist() for name, tensor in job["tensors"].items()})
            for job in jobs
        ]
        (Path(out) / "jobs.json").write_text(json.dumps(plain))
        node = ["node", "--input-type=module", "-e", SAVE, f"{ROOT.as_uri()}/", f"{out}/jobs.json"]
        subprocess.run(node, check=True, cwd=ROOT)
        results = [check(job) for job in jobs]
        for name, worst in results:
            print(f"{name}: within {worst:.1e}")
        assert len(results) == 60, len(results)


if __name__ == "__main__":
    sys.exit(main())
