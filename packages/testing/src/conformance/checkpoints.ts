import { createHash } from "node:crypto";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { DecoderConfig } from "@mixtape/config";
import type { ForCausalLM } from "@mixtape/decoder";
import { bytesPerElement, type Dtype, openCheckpoint } from "@mixtape/safetensors";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { expectAllClose } from "../all-close.js";
import { type Family, logitsOf, type Subject, sampleText } from "./subject.js";

/** A checkpoint's tensors: `dtype [shape]` and bytes, by their names on disk. */
type Contents = Map<string, { readonly type: string; readonly byteLength: number; readonly sha256: string }>;

/** Saving and loading preserve every byte. */
export function savesAndLoads<C extends DecoderConfig>(Model: Family<C>, { create, folder: origin }: Subject<C>): void {
  let model: ForCausalLM<C>;
  let folder: string;
  beforeAll(async () => {
    model = await create();
  });
  afterAll(() => model.dispose());
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "mixtape-"));
  });
  afterEach(() => rm(folder, { recursive: true }));

  if (origin !== undefined)
    test("saving a checkpoint of the reference gives its names and bytes", async () => {
      await model.savePretrained(folder);
      expect(await contentsOf(folder)).toEqual(await contentsOf(origin));
    });

  test.each(["F32", "BF16"] as const)("a model in %s comes back with the same bytes and logits", async (dtype) => {
    await model.savePretrained(folder, { dtype });
    const contents = await contentsOf(folder);
    const dtypeOf = (type: string) => type.split(" ")[0] as Dtype;
    const numbers = [...contents.values()].reduce(
      (sum, { type, byteLength }) => sum + byteLength / bytesPerElement(dtypeOf(type)),
      0,
    );
    expect(numbers).toBe([...model.namedParameters()].reduce((sum, [, { size }]) => sum + size, 0));
    for (const [name, { type }] of contents)
      expect(dtypeOf(type), name).toBe(staysFloat32(model, name, dtype) ? "F32" : dtype);
    expect(await configIn(folder)).toEqual({
      ...Model.family.config.toJSON(model.config),
      architectures: model.config.architectures ?? [`${Model.family.name}${Model.head}`],
      dtype: DTYPE_NAMES[dtype],
    });

    // The second model has the file's contents; saving it must reproduce them.
    const loaded = await Model.fromPretrained(folder);
    try {
      if (dtype === "F32") await expectSameLogits(loaded, model);
      await loaded.savePretrained(folder, { maxShardBytes: (numbers * bytesPerElement(dtype)) / 3 });
      const files = await readdir(folder);
      expect(files.filter((name) => /^model.*-of-0000\d\.safetensors$/.test(name)).length).toBeGreaterThanOrEqual(3);
      expect(files).not.toContain("model.safetensors");
      expect(await contentsOf(folder)).toEqual(contents);
      const again = await Model.fromPretrained(folder);
      try {
        await expectSameLogits(again, loaded);
      } finally {
        again.dispose();
      }
    } finally {
      loaded.dispose();
    }
  });
}

/** Whether the family keeps a tensor in float32, by the end of its name or by all of it. */
function staysFloat32({ weightMappings }: ForCausalLM, tensor: string, dtype: Dtype): boolean {
  return weightMappings.some(
    (mapping) =>
      mapping.kind === "keepFloat32" &&
      mapping.insteadOf.includes(dtype) &&
      (mapping.pattern.startsWith("*") ? tensor.endsWith(mapping.pattern.slice(1)) : tensor === mapping.pattern),
  );
}

const DTYPE_NAMES: Partial<Record<Dtype, string>> = { F32: "float32", BF16: "bfloat16" };

async function contentsOf(folder: string): Promise<Contents> {
  const file = await openCheckpoint(folder);
  try {
    const contents: Contents = new Map();
    for (const name of [...file.names].sort()) {
      const view = file.tensor(name);
      const bytes = await view.read();
      const sha256 = createHash("sha256").update(bytes).digest("hex");
      contents.set(name, { type: `${view.dtype} [${view.shape}]`, byteLength: bytes.length, sha256 });
    }
    return contents;
  } finally {
    await file.close();
  }
}

async function configIn(folder: string): Promise<unknown> {
  return JSON.parse(await readFile(join(folder, "config.json"), "utf8"));
}

async function expectSameLogits(actual: ForCausalLM, expected: ForCausalLM): Promise<void> {
  const inputIds = sampleText(2, 7, expected.config);
  await expectAllClose(await logitsOf(actual, { inputIds }), await logitsOf(expected, { inputIds }), { atol: 0 });
}
