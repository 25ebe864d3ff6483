import { mkdtemp, readdir, rm, stat, truncate } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { DecoderConfig } from "@mixtape/config";
import type { ForCausalLM } from "@mixtape/decoder";
import type { TensorToWrite } from "@mixtape/safetensors";
import { memory } from "@tensorflow/tfjs-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Change, checkpointFiles } from "./checkpoint-files.js";
import type { Family, Subject } from "./subject.js";

/** Bad checkpoints and bad inputs are refused, with a message that names what is wrong. */
export function refuses<C extends DecoderConfig>(Model: Family<C>, { create }: Subject<C>): void {
  let model: ForCausalLM<C>;
  beforeAll(async () => {
    model = await create();
  });
  afterAll(() => model.dispose());

  /**
   * Loads the model's checkpoint with a change. @returns the message of the error; the failed load must leave no
   * tensors.
   */
  async function refusal(change: Change, options = {}): Promise<string> {
    const files = await checkpointFiles(model, change);
    const { numTensors } = memory();
    const message = await Model.fromPretrained(files, options).then(
      (loaded) => {
        loaded.dispose();
        throw new Error("expected an error, got a model");
      },
      (error: Error) => error.message,
    );
    expect(memory().numTensors).toBe(numTensors);
    return message;
  }

  test("missing and wrongly shaped tensors are listed in one error", async () => {
    const [, lastExpert] = expertTensors(model).slice(-2) as [TensorToWrite, TensorToWrite];
    const message = await refusal({
      tensors: (all) => [
        ...all.filter(({ name }) => name !== lastExpert.name && name !== "model.norm.weight"),
        { name: "model.norm.weight", dtype: "F32", shape: [3], bytes: new Uint8Array(12) },
        { name: "model.surprise", dtype: "F32", shape: [1], bytes: new Uint8Array(4) },
      ],
    });
    expect(message).toContain("expected the tensors of its config, got 2 issues:");
    expect(message).toContain(`\n  missing ${lastExpert.name}\n`);
    expect(message).toContain(`\n  model.norm.weight is [3] and should be [${model.config.hiddenSize}]\n`);
    expect(message).not.toContain("model.surprise");
  });

  test("NaN in the weights is named on request", async () => {
    const { name, shape } = expertTensors(model).at(-1)!;
    const spoil = async (tensor: TensorToWrite): Promise<Uint8Array> => {
      const bytes = Uint8Array.from(await read(tensor));
      new DataView(bytes.buffer).setFloat32(4 * 5, Number.NaN, true);
      return bytes;
    };
    const change: Change = {
      tensors: (all) =>
        all.map((tensor) => (tensor.name === name ? { ...tensor, bytes: () => spoil(tensor) } : tensor)),
    };
    expect(await refusal(change, { checkFinite: true })).toContain(
      `${name}: expected finite numbers, got NaN at element 5 of [${shape}]`,
    );
    const loaded = await Model.fromPretrained(await checkpointFiles(model, change));
    loaded.dispose();
  });

  test("an unknown rope_type", async () => {
    const message = await refusal({
      config: (json) => ({ ...json, rope_parameters: { ...(json.rope_parameters as object), rope_type: "spiral" } }),
    });
    expect(message).toMatch(/^config\.json: .*rope_type: expected .*"yarn".*, got "spiral"/);
  });

  test("a truncated shard", async () => {
    const folder = await mkdtemp(join(tmpdir(), "mixtape-"));
    try {
      await model.savePretrained(folder, { maxShardBytes: 20_000 });
      const shard = (await readdir(folder))
        .filter((name) => name.endsWith(".safetensors"))
        .sort()
        .at(-1)!;
      const { size } = await stat(join(folder, shard));
      await truncate(join(folder, shard), size - 1);
      await expect(Model.fromPretrained(folder)).rejects.toThrow(`${join(folder, shard)}: expected `);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  test("a token id outside the vocabulary, a mask of the wrong size", () => {
    const { vocabSize } = model.config;
    expect(() =>
      model.forward({
        inputIds: [
          [1, 2],
          [3, vocabSize],
        ],
      }),
    ).toThrow(`inputIds[1][1]: expected a token id from 0 to ${vocabSize - 1}, got ${vocabSize}`);
    expect(() => model.forward({ inputIds: [[1, -1]] })).toThrow("inputIds[0][1]: expected a token id");
    expect(() => model.forward({ inputIds: [[1, 2, 3]], attentionMask: [[1, 1]] })).toThrow(
      "attentionMask: expected 1 × 3, tokens in the cache included, got 1 × 2",
    );
  });
}

/** Returns the tensors of a model's experts on disk. */
function expertTensors(model: ForCausalLM): TensorToWrite[] {
  return [...model.tensorsToWrite("F32")].filter(({ name }) => name.includes(".experts."));
}

async function read({ bytes }: TensorToWrite): Promise<Uint8Array> {
  return typeof bytes === "function" ? bytes() : bytes;
}
