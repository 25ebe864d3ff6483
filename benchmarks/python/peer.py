"""What measuring processes of the peers share: `PEER.py REQUEST`, whose last line is the answer.

A request is JSON: {"kind": "find", "threads": 2}, or {"kind": "run", "threads": 2, "folder": ..., "tasks": [...]}, the tasks
being those of src/tasks.ts.
"""

import json
import os
import sys
import time

# Taken before anything large is imported: importing it is part of loading, as for any user.
STARTED = float(os.environ["MIXTAPE_BENCH_STARTED"])

# As in src/child/repeat.ts.
LEAST_SECONDS = 1
LEAST_RUNS = 3
MOST_SECONDS = 10


def answer(find, run):
    """Answers the request. Libraries print: their output goes to standard error."""
    request = json.loads(sys.argv[1])
    output = os.dup(1)
    os.dup2(2, 1)
    found = find(request) if request["kind"] == "find" else run(request)
    os.write(output, (json.dumps(found) + "\n").encode())


def since_start():
    """Milliseconds since the process was started."""
    return time.time() * 1000 - STARTED


def run_tasks(tasks, run):
    """Runs of each task, as src/child/run-tasks.ts does them."""
    runs = {}
    for task in tasks:
        once = task.get("once") or task["measures"] == "start"
        runs[task["name"]] = [run(task)] if once else repeat(lambda task=task: run(task))
    return runs


def measures_speed(tasks):
    return any(task["measures"] != "start" for task in tasks)


def prompts_of(task, vocab_size):
    """One prompt for each row. As in src/tasks.ts."""
    length = task["promptTokens"]
    return [prompt_of(length, vocab_size, row * length) for row in range(task.get("rows", 1))]


def prompt_of(length, vocab_size, begin=0):
    return [((begin + i + 1) * 2654435761 & 0xFFFFFFFF) % vocab_size for i in range(length)]


def repeat(function):
    collect(function, 1)
    return collect(function, LEAST_RUNS)


def collect(function, least_runs):
    results = []
    begin = time.perf_counter()

    def passed():
        return time.perf_counter() - begin

    while not results or ((len(results) < least_runs or passed() < LEAST_SECONDS) and passed() < MOST_SECONDS):
        results.append(function())
    return results
