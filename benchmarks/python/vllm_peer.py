"""The process that measures vLLM on a CPU: `vllm_peer.py REQUEST`, as peer.py describes.

The engine is in this process, not in others that it talks to: as fast, and its memory is counted. Prompts are read each time: the
cache of prefixes is off.
"""

import os
import sys
import time

from peer import answer, measures_speed, prompts_of, run_tasks, since_start

# Room for keys and values, in GiB. Read by vLLM when it is imported, as all of these.
os.environ["VLLM_CPU_KVCACHE_SPACE"] = "1"
os.environ["VLLM_CPU_NUM_OF_RESERVED_CPU"] = "0"
os.environ["VLLM_ENABLE_V1_MULTIPROCESSING"] = "0"
os.environ["VLLM_NO_USAGE_STATS"] = "1"
os.environ["VLLM_LOGGING_LEVEL"] = "ERROR"


def find(request):
    # Of its parts only the version: importing vLLM takes half a minute.
    from importlib.metadata import PackageNotFoundError, version

    try:
        return {
            "description": f"vllm-cpu {version('vllm-cpu')}, torch {version('torch')}; bfloat16, {request['threads']} threads"
        }
    except PackageNotFoundError as error:
        return {"missing": f"{sys.executable}: {error} is not installed."}


def run(request):
    tasks = request["tasks"]
    writer = Writer(request["folder"], max(task["promptTokens"] + task["newTokens"] for task in tasks))
    found = {"loadMs": since_start(), "runs": run_tasks(tasks, writer.run)}
    return {**found, "remark": "compiled by torch.compile"} if measures_speed(tasks) else found


class Writer:
    """A model, written with greedily."""

    def __init__(self, folder, length):
        from vllm import LLM, SamplingParams

        llm = LLM(
            model=folder,
            skip_tokenizer_init=True,
            dtype="bfloat16",
            max_model_len=length,
            enable_prefix_caching=False,
        )
        self.engine = llm.llm_engine
        self.vocab_size = self.engine.model_config.hf_config.vocab_size
        self.params = lambda tokens: SamplingParams(temperature=0, max_tokens=tokens, ignore_eos=True, detokenize=False)
        self.requests = 0

    def run(self, task):
        """One doing of a task: all rows at once, which the engine's scheduler puts into one batch."""
        from vllm.inputs import TokensPrompt

        prompts = prompts_of(task, self.vocab_size)
        begin = time.perf_counter()
        for prompt in prompts:
            self.requests += 1
            params = self.params(task["newTokens"])
            self.engine.add_request(str(self.requests), TokensPrompt(prompt_token_ids=prompt), params)
        written = {}
        first = None
        while self.engine.has_unfinished_requests():
            for output in self.engine.step():
                written[output.request_id] = len(output.outputs[0].token_ids)
            if first is None and len(written) == len(prompts):
                first, first_cpu = time.perf_counter(), time.process_time()
        assert all(count == task["newTokens"] for count in written.values()), written
        return {
            "firstTokenMs": (first - begin) * 1000,
            "restMs": (time.perf_counter() - first) * 1000,
            "restCpuMs": (time.process_time() - first_cpu) * 1000,
        }


if __name__ == "__main__":
    answer(find, run)
