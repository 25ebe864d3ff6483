"""The process that measures training with Hugging Face transformers and peft: `training_peer.py REQUEST`. Its last line is the answer.

A request is JSON: {"kind": "find", "threads": 2}, or {"kind": "train", "threads": 2, "task": ..., "files": ...} as in
src/training/.
"""

import json
import sys
import time

# Expert implementations of transformers.
EXPERTS = ("grouped_mm", "eager")


def main():
    request = json.loads(sys.argv[1])
    print(json.dumps(find(request) if request["kind"] == "find" else train(request)))


def find(request):
    try:
        import peft
        import torch
        import transformers
    except ImportError as error:
        return {"missing": f"{sys.executable}: {error}."}
    return {
        "description": f"transformers {transformers.__version__}, peft {peft.__version__}, torch {torch.__version__}; "
        f"{request['threads']} threads; {torch.backends.cpu.get_cpu_capability()}"
    }


def train(request):
    import torch

    torch.set_num_threads(request["threads"])
    trainer = Trainer(request["task"], request["files"])
    remark = trainer.choose_experts()
    pace = request["pace"]
    losses = []

    def step():
        loss = trainer.step()
        if len(losses) < pace["steps"]:
            losses.append(loss)

    collect(step, pace["steps"], pace["warmUpMs"])
    step_ms = collect(step, pace["steps"], pace["measuredMs"])
    trainable = sum(parameter.numel() for parameter in trainer.parameters)
    return {"trainable": trainable, "losses": losses, "stepMs": step_ms, "remark": remark}


class Trainer:
    """A model and its optimiser."""

    def __init__(self, task, files):
        import torch
        from transformers import AutoModelForCausalLM

        self.task = task
        self.model = AutoModelForCausalLM.from_pretrained(
            files["model"], dtype=getattr(torch, task["dtype"]), attn_implementation="sdpa", **quantization(task)
        )
        self.base = self.model
        if files["adapter"]:
            from peft import PeftModel

            self.model = PeftModel.from_pretrained(self.model, files["adapter"], is_trainable=True)
        self.model.train()
        self.parameters = [parameter for parameter in self.model.parameters() if parameter.requires_grad]
        self.optimizer = torch.optim.AdamW(
            self.parameters, lr=task["learningRate"], betas=(0.9, 0.999), eps=1e-8, weight_decay=0.01, fused=True
        )
        self.done = 0

    def choose_experts(self):
        """Takes the faster way, by its second pass."""
        experts = min(EXPERTS, key=self.pass_time)
        self.base.set_experts_implementation(experts)
        self.optimizer.zero_grad()
        return f"experts by {experts}" + (", weights decoded on loading" if self.task.get("quantized") else "")

    def pass_time(self, experts):
        self.base.set_experts_implementation(experts)
        times = []
        for _ in range(2):
            begin = time.perf_counter()
            self.loss().backward()
            times.append(time.perf_counter() - begin)
        return times[-1]

    def loss(self):
        import torch

        rows = torch.tensor(rows_of(self.done, self.task, self.base.config.vocab_size))
        return self.model(input_ids=rows, labels=rows, use_cache=False).loss

    def step(self):
        import torch

        loss = self.loss()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.parameters, 1.0)
        self.optimizer.step()
        self.optimizer.zero_grad()
        self.done += 1
        return loss.item()


def quantization(task):
    """peft puts no adapter on a layer that compressed-tensors keeps packed: it looks for its weight."""
    if not task.get("quantized"):
        return {}
    from transformers import CompressedTensorsConfig

    return {"quantization_config": CompressedTensorsConfig(dequantize=True)}


def rows_of(step, task, vocab_size):
    """As in src/training/tasks.ts."""
    rows, length = task["rows"], task["length"]

    def token(row, i):
        return ((step * rows + row) * length + i + 1) * 2654435761 % 2**32 % vocab_size

    return [[token(row, i) for i in range(length)] for row in range(rows)]


def collect(step, steps, least_ms):
    """As in src/training/steps.ts."""
    times = []
    while len(times) < steps or sum(times) < least_ms:
        begin = time.perf_counter()
        step()
        times.append((time.perf_counter() - begin) * 1000)
    return times


if __name__ == "__main__":
    main()
