"""The process that measures Hugging Face transformers: `transformers_peer.py REQUEST`, as peer.py describes.

With "dtypes" it takes the one of these that decodes fastest here; bfloat16 where absent.
"""

import sys
import time

from peer import answer, measures_speed, prompts_of, run_tasks, since_start

DTYPES = ("bfloat16",)

# Expert implementations of transformers: all are tried on the machine, separately for prompts and for single tokens.
# `batched_mm` copies the weights of the experts of every token, which takes too much memory for a prompt.
PREFILL_EXPERTS = ("grouped_mm", "eager")
DECODE_EXPERTS = ("grouped_mm", "eager", "batched_mm")


def find(request):
    try:
        import torch
        import transformers
    except ImportError as error:
        return {"missing": f"{sys.executable}: {error}."}
    return {
        "description": f"transformers {transformers.__version__}, torch {torch.__version__}; "
        f"{' or '.join(request.get('dtypes', DTYPES))}, "
        f"{request['threads']} threads; {torch.backends.cpu.get_cpu_capability()}"
    }


def run(request):
    import torch

    torch.set_num_threads(request["threads"])
    torch.set_grad_enabled(False)
    imported_ms = since_start()
    writer, load_ms = choose_dtype(request["folder"], request.get("dtypes", DTYPES))
    tasks = request["tasks"]
    found = {"loadMs": imported_ms + load_ms}
    if measures_speed(tasks):
        found["remark"] = f"{writer.dtype}, " + writer.choose_experts(prompts=any(task["promptTokens"] > 1 for task in tasks))
    return {**found, "runs": run_tasks(tasks, writer.run)}


def choose_dtype(folder, dtypes):
    """A model in the dtype that decodes fastest, and how long loading it took."""
    choices = []
    for dtype in dtypes:
        begin = time.perf_counter()
        writer = Writer(folder, dtype)
        load_ms = (time.perf_counter() - begin) * 1000
        if len(dtypes) == 1:
            return writer, load_ms
        choices.append((min(writer.run({"promptTokens": 1, "newTokens": 3})["restCpuMs"] for _ in range(2)), dtype, load_ms))
        del writer
    _, dtype, load_ms = min(choices)
    return Writer(folder, dtype), load_ms


class Writer:
    """A model, written with greedily."""

    def __init__(self, folder, dtype):
        import torch
        from transformers import AutoModelForCausalLM

        def load(attention):
            return AutoModelForCausalLM.from_pretrained(folder, dtype=getattr(torch, dtype), attn_implementation=attention)

        self.dtype = dtype
        try:
            self.model = load("sdpa")
        except ValueError:  # GPT-OSS has sinks, which `sdpa` does not support.
            self.model = load("eager")
        self.model.eval()
        self.prefill_experts = PREFILL_EXPERTS[0]
        self.decode_experts = DECODE_EXPERTS[0]

    def choose_experts(self, prompts):
        """Takes the fastest way for a prompt of 512 tokens, and for single tokens, each the second time it is done."""
        if prompts:
            self.prefill_experts = min(PREFILL_EXPERTS, key=self.prefill_time)
        self.decode_experts = min(DECODE_EXPERTS, key=self.decode_time)
        in_prefill = f"by {self.prefill_experts} in prefill, " if prompts else ""
        return f"experts {in_prefill}by {self.decode_experts} in decoding"

    def prefill_time(self, experts):
        self.prefill_experts = experts
        task = {"promptTokens": 512, "newTokens": 1}
        return min(self.run(task)["firstTokenMs"] for _ in range(2))

    def decode_time(self, experts):
        self.decode_experts = experts
        task = {"promptTokens": 1, "newTokens": 5}
        return min(self.run(task)["restCpuMs"] for _ in range(2))

    def run(self, task):
        """One doing of a task, with a cache that grows: a static one computes over its whole length."""
        import torch
        from transformers import DynamicCache

        with torch.inference_mode():
            ids = torch.tensor(prompts_of(task, self.model.config.vocab_size))
            cache = DynamicCache(config=self.model.config)
            begin = time.perf_counter()
            self.model.set_experts_implementation(self.prefill_experts)
            token = self.next_token(ids, cache)
            first, first_cpu = time.perf_counter(), time.process_time()
            self.model.set_experts_implementation(self.decode_experts)
            for _ in range(task["newTokens"] - 1):
                token = self.next_token(token, cache)
            return {
                "firstTokenMs": (first - begin) * 1000,
                "restMs": (time.perf_counter() - first) * 1000,
                "restCpuMs": (time.process_time() - first_cpu) * 1000,
            }

    def next_token(self, ids, cache):
        logits = self.model(ids, past_key_values=cache, logits_to_keep=1).logits
        token = logits[:, -1].argmax(-1, keepdim=True)
        # Reads the tokens, as a program would.
        token.tolist()
        return token


if __name__ == "__main__":
    answer(find, run)
