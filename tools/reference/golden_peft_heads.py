"""head-adapters/: adapters that Hugging Face peft made for classifiers and question answerers, and what they compute.

The models are golden checkpoints in heads/. An adapter has LoRA at projections and experts, with random values, and the head in
full, as peft's task types do it.
"""

from pathlib import Path

import torch
import transformers
from peft import LoraConfig, get_peft_model
from safetensors.torch import load_file

from golden_io import write_tensors
from golden_models import EAGER

TASKS = {
    "sequence-right-padded": ("ForSequenceClassification", "SEQ_CLS"),
    "tokens": ("ForTokenClassification", "TOKEN_CLS"),
    "questions": ("ForQuestionAnswering", "QUESTION_ANS"),
}
FAMILIES = {"mixtral": "Mixtral", "qwen3-moe": "Qwen3Moe"}
OUTPUTS = ["loss", "logits", "start_logits", "end_logits"]


def class_of(family: str, head: str) -> type:
    return getattr(transformers, FAMILIES[family] + head)


def inputs_of(folder: Path) -> dict[str, torch.Tensor]:
    tensors = load_file(folder / "golden.safetensors")
    names = ["input_ids", "attention_mask", "labels", "start_positions", "end_positions"]
    return {name: tensors[name] for name in names if name in tensors}


def write(out: Path, heads: Path) -> None:
    """Writes the adapters of the checkpoints in a folder."""
    for family in FAMILIES:
        for seed, (case, (head, task)) in enumerate(TASKS.items()):
            source = heads / family / case
            torch.manual_seed(seed)
            base = class_of(family, head).from_pretrained(source, dtype=torch.float32, **EAGER)
            parameters = ["experts.gate_up_proj", "experts.down_proj"]
            config = LoraConfig(task_type=task, r=2, lora_alpha=3, target_modules=["q_proj", "v_proj"], target_parameters=parameters)
            model = get_peft_model(base, config).eval()
            with torch.no_grad():
                for name, parameter in model.named_parameters():
                    if parameter.requires_grad:
                        parameter.copy_(torch.randn(parameter.shape) * 0.3)
                result = model(**inputs_of(source))
            target = out / "head-adapters" / family / case
            model.save_pretrained(target)
            (target / "README.md").unlink(missing_ok=True)
            config_file = target / "adapter_config.json"
            config_file.write_text(config_file.read_text().replace(str(source), f"heads/{family}/{case}"))
            write_tensors(target / "golden.safetensors", {name: result[name] for name in OUTPUTS if name in result})
            print(f"head-adapters/{family}/{case}: loss {result['loss']:.3f}", flush=True)
