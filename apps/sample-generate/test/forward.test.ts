import { execFileSync } from "node:child_process";
import { cpSync, lstatSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openSafetensors, type TensorToWrite, toFloat32, writeSafetensors } from "@mixtape/safetensors";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { fails, fixture, golden, run } from "./command.js";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "mixtape-forward-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

type Tensors = Map<
  string,
  { readonly dtype: string; readonly shape: readonly number[]; readonly values: Float32Array }
>;

async function read(path: string): Promise<Tensors> {
  const file = await openSafetensors(path);
  const tensors: Tensors = new Map();
  for (const name of file.names) {
    const tensor = file.tensor(name);
    const { dtype, shape } = tensor;
    tensors.set(name, { dtype, shape, values: toFloat32(await tensor.read(), dtype) });
  }
  await file.close();
  return tensors;
}

async function forward(model: string, inputs: string, ...args: string[]): Promise<Tensors> {
  const outputs = join(folder, `${Math.random()}.safetensors`);
  const ended = await run(["forward", "--model", model, "--inputs", inputs, "--outputs", outputs, ...args]);
  expect(ended).toMatchObject({ code: 0, stdout: "" });
  expect(ended.stderr).toMatch(/\d+ tensors in .*; \w+, \d+\.\d\d s to load, \d+\.\d\d s to compute\n$/);
  return read(outputs);
}

/** What the golden files have in addition: the loss without the auxiliary one, attentions, and the inputs. */
const OTHER = /^(lm_loss|attentions\.\d+|input_ids|attention_mask|position_ids|labels)$/;

describe("within 1e-4 of the reference", () => {
  test.each([
    ["mixtral/basic", "wasm"],
    ["mixtral/positions", "cpu"],
    ["qwen3-moe/right-padded", "wasm"],
    ["qwen3-moe/basic", "cpu"],
    ["afmoe/left-padded", "wasm"],
    ["afmoe/basic", "cpu"],
  ])("%s on %s", async (name, engine) => {
    const file = join(golden(name), "golden.safetensors");
    const [wanted, got] = [await read(file), await forward(golden(name), file, "--engine", engine)];
    expect([...got.keys()].sort()).toEqual([...wanted.keys()].filter((key) => !OTHER.test(key)).sort());
    for (const [key, { dtype, shape, values }] of got) {
      expect(dtype, key).toBe("F32");
      expect(shape, key).toEqual(wanted.get(key)!.shape);
      const worst = Math.max(...values.map((value, i) => Math.abs(value - wanted.get(key)!.values[i]!)));
      expect(worst, key).toBeLessThanOrEqual(key.endsWith("loss") ? 1e-5 : 1e-4);
    }
  });
});

describe("heads, within 1e-4 of the reference", () => {
  const names = [
    "sequence-single-label",
    "sequence-right-padded",
    "sequence-regression",
    "sequence-regression-several",
  ];
  const others = ["sequence-multi-label", "sequence-no-padding-token", "tokens", "questions"];
  const INPUTS = /^(input_ids|attention_mask|labels|start_positions|end_positions)$/;
  const cases = ["mixtral", "qwen3-moe", "afmoe"].flatMap((family) =>
    [...names, ...others].map((name) => `heads/${family}/${name}`),
  );
  test.each(cases)("%s", async (name) => {
    const source = fixture(name);
    const file = join(source, "golden.safetensors");
    const [wanted, got] = [await read(file), await forward(source, file, "--engine", "cpu")];
    expect([...got.keys()].sort()).toEqual([...wanted.keys()].filter((key) => !INPUTS.test(key)).sort());
    for (const [key, { shape, values }] of got) {
      expect(shape, key).toEqual(wanted.get(key)!.shape);
      const worst = Math.max(...values.map((value, i) => Math.abs(value - wanted.get(key)!.values[i]!)));
      expect(worst, key).toBeLessThanOrEqual(key === "loss" ? 1e-5 : 1e-4);
    }
  });

  test("an adapter that peft made for a classifier", async () => {
    const source = fixture("heads/qwen3-moe/tokens");
    const adapter = fixture("head-adapters/qwen3-moe/tokens");
    const got = await forward(source, join(source, "golden.safetensors"), "--adapter", adapter, "--engine", "cpu");
    const wanted = await read(join(adapter, "golden.safetensors"));
    for (const [key, { values }] of wanted) {
      const worst = Math.max(...values.map((value, i) => Math.abs(value - got.get(key)!.values[i]!)));
      expect(worst, key).toBeLessThanOrEqual(1e-4);
    }
  });

  test("a task loads another head, and says what is new", async () => {
    const inputs = await inputsOf("for-task", int32("input_ids", 1, [1, 2, 3]));
    const outputs = join(folder, "for-task-out.safetensors");
    const args = ["--model", golden("mixtral/basic"), "--inputs", inputs, "--outputs", outputs];
    const ended = await run(["forward", ...args, "--task", "question-answering"]);
    expect(ended.code).toBe(0);
    expect(ended.stderr).toContain("newly initialized: qa_outputs.weight, qa_outputs.bias");
    expect([...(await read(outputs)).keys()].slice(0, 2).sort()).toEqual(["end_logits", "hidden_states.0"]);
    const tagger = ["--model", fixture("heads/mixtral/tokens"), "--inputs", inputs, "--outputs", outputs];
    await fails(
      1,
      /missing lm_head.weight.*has another head, score/s,
      "forward",
      ...tagger,
      "--task",
      "text-generation",
    );
  });
});

async function inputsOf(name: string, ...tensors: TensorToWrite[]): Promise<string> {
  const path = join(folder, `${name}.safetensors`);
  await writeSafetensors(path, tensors);
  return path;
}

const int32 = (name: string, rows: number, values: readonly number[]): TensorToWrite => ({
  name,
  dtype: "I32",
  shape: [rows, values.length / rows],
  bytes: new Uint8Array(Int32Array.from(values).buffer),
});

test("I32 does, and without labels there is no loss", async () => {
  const inputs = await inputsOf("plain", int32("input_ids", 2, [1, 2, 3, 4, 5, 6]));
  const outputs = await forward(golden("qwen3-moe/basic"), inputs);
  expect([...outputs.keys()].sort()).toEqual([
    "aux_loss",
    "hidden_states.0",
    "hidden_states.1",
    "hidden_states.2",
    "logits",
    "router_logits.0",
    "router_logits.1",
  ]);
  expect(outputs.get("logits")!.shape).toEqual([2, 3, 97]);
  expect(outputs.get("router_logits.0")!.shape).toEqual([6, 6]);
});

describe("an error for", () => {
  const model = golden("mixtral/basic");
  const attempt = (inputs: string, code: number, message: string | RegExp, outputs = join(folder, "none")) =>
    fails(code, message, "forward", "--model", model, "--inputs", inputs, "--outputs", outputs);

  test("inputs that are not there", () =>
    attempt(join(folder, "absent"), 1, /^error: .*absent: expected a .*file, got .*$/));

  test("inputs without input_ids", async () => {
    const inputs = await inputsOf("without", int32("labels", 1, [1, 2]));
    await attempt(inputs, 1, `${inputs}: expected a tensor input_ids, got labels.`);
  });

  test("inputs of another dtype", async () => {
    const bytes = new Uint8Array(Float32Array.of(1, 2).buffer);
    const inputs = await inputsOf("floats", { name: "input_ids", dtype: "F32", shape: [1, 2], bytes });
    await attempt(
      inputs,
      1,
      `${inputs}: input_ids: expected whole numbers, I64 or I32, [batch, length], got F32 [1,2].`,
    );
  });

  test("inputs that do not fit each other", async () => {
    const inputs = await inputsOf("unequal", int32("input_ids", 1, [1, 2]), int32("labels", 1, [1, 2, 3]));
    await attempt(inputs, 1, /^error: labels: expected .*, got .*$/);
  });

  test("a token id outside the vocabulary", async () => {
    const inputs = await inputsOf("outside", int32("input_ids", 1, [1, 97]));
    await attempt(
      inputs,
      1,
      "inputIds[0][1]: expected a token id from 0 to 96, got 97. The tokenizer may belong to another model.",
    );
  });

  test("outputs that have no folder, before anything is computed", async () => {
    const inputs = await inputsOf("good", int32("input_ids", 1, [1]));
    const outputs = join(folder, "no", "where");
    await attempt(
      inputs,
      1,
      `${outputs}: expected a folder ${join(folder, "no")} to write to, got nothing of this name.`,
      outputs,
    );
  });

  describe("outputs that must not be replaced:", () => {
    const refused = (path: string, got: string): string =>
      `${path}: expected a new file, or one that may be replaced, as --outputs, got ${got}.`;

    test("a folder", async () => {
      const inputs = await inputsOf("for-folder", int32("input_ids", 1, [1]));
      const outputs = join(folder, "a-folder");
      mkdirSync(outputs);
      await attempt(inputs, 1, refused(outputs, "a folder"), outputs);
      expect(lstatSync(outputs).isDirectory()).toBe(true);
    });

    test.skipIf(process.platform === "win32")("a pipe", async () => {
      const inputs = await inputsOf("for-pipe", int32("input_ids", 1, [1]));
      const outputs = join(folder, "a-pipe");
      execFileSync("mkfifo", [outputs]);
      await attempt(inputs, 1, refused(outputs, "no regular file"), outputs);
      expect(lstatSync(outputs).isFIFO()).toBe(true);
    });

    test("the inputs, by another name too", async () => {
      const inputs = await inputsOf("for-itself", int32("input_ids", 1, [1]));
      const before = readFileSync(inputs);
      const link = join(folder, "link.safetensors");
      symlinkSync(inputs, link);
      for (const outputs of [inputs, link]) await attempt(inputs, 1, refused(outputs, "the file of --inputs"), outputs);
      expect(readFileSync(inputs)).toEqual(before);
      expect(lstatSync(link).isSymbolicLink()).toBe(true);
    });

    test("a file of the model, also where it is a link to elsewhere", async () => {
      const inputs = await inputsOf("for-model", int32("input_ids", 1, [1]));
      const copy = join(folder, "model");
      cpSync(model, copy, { recursive: true });
      const linked = join(copy, "linked.bin");
      symlinkSync(await inputsOf("blob", int32("input_ids", 1, [1])), linked);
      const weights = join(copy, "model.safetensors");
      const before = readFileSync(weights);
      for (const outputs of [weights, linked]) {
        const args = ["--model", copy, "--inputs", inputs, "--outputs", outputs];
        await fails(1, refused(outputs, "a file of the model"), "forward", ...args);
      }
      expect(readFileSync(weights)).toEqual(before);
      expect(lstatSync(linked).isSymbolicLink()).toBe(true);
    });
  });

  test("files that are not named", () =>
    fails(2, "expected --inputs IN.safetensors. See --help.", "forward", "--model", model));
});
