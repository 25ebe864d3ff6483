"""Checks that the official library, torch and transformers read what packages/safetensors writes.

    npm run build && python tools/reference/safetensors_check.py

Needs torch 2.13.0, safetensors 0.8.0 and transformers 5.18.0, and Node on the path. For 200 random sets of tensors: a file
written by Python, read and written again by us, is equal byte for byte. Then sharded checkpoints, written by us, are opened
by transformers, and every tensor is equal to the one that went in.
"""

import json
import random
import subprocess
import tempfile
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from transformers.utils.hub import get_checkpoint_shard_files

PACKAGE = (Path(__file__).resolve().parents[2] / "packages" / "safetensors" / "dist" / "index.js").as_uri()

# For each file of a folder NAME.in: a copy through our reader and our writer as NAME.out, and as a checkpoint NAME.shards.
COPY = """
const { openSafetensors, writeCheckpoint, writeSafetensors } = await import(process.argv[1]);
const { readdir } = await import("node:fs/promises");
for (const file of await readdir(process.argv[2])) {
  if (!file.endsWith(".in")) continue;
  const path = `${process.argv[2]}/${file.slice(0, -3)}`;
  const source = await openSafetensors(path + ".in");
  const tensors = source.names.map((name) => {
    const view = source.tensor(name);
    return { name, dtype: view.dtype, shape: view.shape, bytes: () => view.read() };
  }).reverse();
  const metadata = Object.keys(source.metadata).length > 0 ? source.metadata : undefined;
  await writeSafetensors(path + ".out", tensors, { metadata });
  await writeCheckpoint(path + ".shards", tensors, { maxShardBytes: 100 });
  await source.close();
}
"""

DTYPES = [torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.float8_e4m3fn, torch.float8_e5m2]
DTYPES += [torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8, torch.bool]
LETTERS = 'abz._-019 "\\\n\té\uffff😀漢\u0001\u007f/'


def random_tensors(rng):
    tensors = {}
    for _ in range(rng.randrange(12)):
        name = "".join(rng.choices(LETTERS, k=rng.randrange(1, 12)))
        shape = [rng.choice([0, 1, 2, 3, 3, 4, 5, 6]) for _ in range(rng.randrange(4))]
        dtype = rng.choice(DTYPES)
        count = torch.empty(shape).numel() * torch.empty(0, dtype=dtype).element_size()
        raw = torch.randint(0, 2 if dtype == torch.bool else 256, (count,), dtype=torch.uint8)
        tensors[name] = raw.view(dtype).reshape(shape)
    return tensors


def bits(tensor):
    return tensor.shape, tensor.dtype, tensor.contiguous().flatten().view(torch.uint8).tolist()


def main():
    rng = random.Random(5)
    torch.manual_seed(5)
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        sets = {str(i): random_tensors(rng) for i in range(200)}
        for name, tensors in sets.items():
            metadata = {"format": "pt"} if rng.randrange(2) else None
            save_file(tensors, folder / f"{name}.in", metadata=metadata)
        subprocess.run(["node", "--input-type=module", "-e", COPY, PACKAGE, str(folder)], check=True)
        sharded = 0
        for name, tensors in sets.items():
            assert (folder / f"{name}.out").read_bytes() == (folder / f"{name}.in").read_bytes(), name
            checkpoint = folder / f"{name}.shards"
            index = checkpoint / "model.safetensors.index.json"
            files = [str(checkpoint / "model.safetensors")]
            if index.exists():
                sharded += 1
                files, _ = get_checkpoint_shard_files(str(checkpoint), str(index))
                assert json.loads(index.read_text())["metadata"]["total_size"] == sum(t.nbytes for t in tensors.values())
            read = {}
            for file in files:
                with safe_open(file, framework="pt") as opened:
                    assert opened.metadata() == {"format": "pt"}
                    for key in opened.keys():
                        assert key not in read
                        read[key] = opened.get_tensor(key)
            assert read.keys() == tensors.keys(), name
            for key, tensor in tensors.items():
                assert bits(read[key]) == bits(tensor), (name, key)
        assert sharded > 10
        print(f"{len(sets)} files equal byte for byte; as many checkpoints equal tensor for tensor, {sharded} of them sharded")


if __name__ == "__main__":
    main()
