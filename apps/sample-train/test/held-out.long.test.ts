/** Evaluation during a run, and runs that are made longer or begun again. */

import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { loadModel, loadTokenizer, useEngine } from "@mixtape/mixtape";
import { loadAdapter } from "@mixtape/peft";
import { dataLoader, evaluate, parseMetrics } from "@mixtape/training";
import { beforeAll, describe, expect, test } from "vitest";
import { readAdapters } from "../src/adapters-file.js";
import { readData } from "../src/data-file.js";
import { parseRun } from "../src/run-file.js";
import { fails, lossesOf, sampleTrain, temporaryFolder, trained, write } from "./command.js";
import { writeTinyModel } from "./tiny-model.js";

const folder = temporaryFolder();
const texts = (words: string): object[] => Array.from({ length: 6 }, (_, i) => ({ text: `${words} ${i}` }));
const data = write(folder, "data.jsonl", texts("It was a fine morning, and the sea was calm"));
const heldOut = write(folder, "held-out.jsonl", texts("The sea was calm, and it was a fine evening"));
const args = (output: string, ...more: string[]): string[] => [
  ...["--model", join(folder, "tiny"), "--data", data, "--output", join(folder, output), "--max-length", "16"],
  ...["--batch-size", "2", "--schedule", "constant", "--warmup-steps", "0", ...more],
];
const metricsOf = (output: string) => parseMetrics(readFileSync(join(folder, output, "metrics.jsonl"), "utf8"));
const adapterConfig = (output: string) =>
  JSON.parse(readFileSync(join(folder, output, "adapter_config.json"), "utf8")) as Record<string, unknown>;

beforeAll(() => writeTinyModel(join(folder, "tiny")));

describe("sample-train", () => {
  test("evaluates during the run, and saves what had the lowest loss", async () => {
    // So large a learning rate that the loss rises again.
    const flags = [
      "--eval",
      heldOut,
      "--eval-every",
      "2",
      "--keep-best",
      "--learning-rate",
      "0.5",
      "--steps",
      "8",
      "--engine",
      "wasm",
    ];
    const { evalAfter, bestStep, finishReason } = await trained(...args("best", ...flags));
    const evaluations = metricsOf("best").flatMap(({ step, evaluation }) =>
      evaluation ? [{ step, ...evaluation }] : [],
    );
    expect(evaluations.map(({ step }) => step)).toEqual([2, 4, 6, 8]);
    const best = evaluations.reduce((a, b) => (b.loss < a.loss ? b : a));
    expect({ finishReason, bestStep, evalAfter }).toEqual({
      finishReason: "steps",
      bestStep: best.step,
      evalAfter: { default: best.loss },
    });
    // What was saved is what was evaluated.
    await useEngine("wasm");
    const [model, tokenizer] = [await loadModel(join(folder, "tiny")), await loadTokenizer(join(folder, "tiny"))];
    await loadAdapter(model, join(folder, "best"));
    const { examples } = await readData(heldOut, tokenizer);
    const again = await evaluate(model, dataLoader(examples, { batchSize: 2, maxLength: 16, seed: null }));
    expect(again.loss).toBeCloseTo(best.loss, 4);
    model.dispose();
    expect(adapterConfig("best").base_model_name_or_path).toBe(join(folder, "tiny"));
  });

  test("at Ctrl-C, --keep-best saves the best so far, and the run goes on from its last step", async () => {
    const flags = [
      ...["--eval", heldOut, "--eval-every", "2", "--keep-best", "--learning-rate", "0.5", "--steps", "40"],
      ...["--engine", "wasm"],
    ];
    const output = join(folder, "best of some");
    const { code, stdout } = await sampleTrain(args("best of some", ...flags), {
      watch: (child) =>
        child.stderr!.on("data", (line: string) => {
          if (line.includes("step 8 of")) child.kill("SIGINT");
        }),
    });
    expect(code).toBe(130);
    const steps = metricsOf("best of some");
    expect(steps.length).toBeLessThan(40);
    const evaluations = steps.flatMap(({ step, evaluation }) => (evaluation ? [{ step, ...evaluation }] : []));
    const best = evaluations.reduce((a, b) => (b.loss < a.loss ? b : a));
    expect(best.step).toBeLessThan(steps.length);
    expect(stdout).toMatch(new RegExp(`lowest at +step ${best.step}, which is saved`));
    // Commands to copy, with the space of the folder in quotes, and one way of writing its path in all lines.
    expect(stdout).toMatch(new RegExp(`saved +${output}\n`));
    expect(stdout).toContain(`--adapter '${output}' --prompt`);
    expect(stdout).toContain(`sample-train --resume --output '${output}'`);
    await useEngine("wasm");
    const [model, tokenizer] = [await loadModel(join(folder, "tiny")), await loadTokenizer(join(folder, "tiny"))];
    await loadAdapter(model, output);
    const { examples } = await readData(heldOut, tokenizer);
    const again = await evaluate(model, dataLoader(examples, { batchSize: 2, maxLength: 16, seed: null }));
    expect(again.loss).toBeCloseTo(best.loss, 4);
    model.dispose();
    const { steps: taken } = await trained("--resume", "--output", output, "--steps", `${steps.length + 2}`);
    expect(taken).toBe(steps.length + 2);
    expect(metricsOf("best of some").slice(0, steps.length)).toEqual(steps);
  });

  test("calls no loss the lowest that was lower before the run", async () => {
    const flags = ["--eval", heldOut, "--eval-every", "1", "--learning-rate", "100", "--steps", "1"];
    const { code, stdout, stderr } = await sampleTrain(args("worse", ...flags));
    expect(code).toBe(0);
    expect(stderr).toMatch(/held out \d+\.\d{4}\n/);
    expect(stderr).not.toContain("lowest");
    expect(stdout).toMatch(/lowest at +step 1; before the run it was lower\n/);
  });

  test("ends early where the held-out loss no longer falls, and says so", async () => {
    const flags = ["--eval", heldOut, "--eval-every", "1", "--patience", "2", "--learning-rate", "3", "--steps", "40"];
    const { code, stdout, stderr } = await sampleTrain(args("patience", ...flags, "--base-name", "owner/name"));
    expect(code).toBe(0);
    expect(stdout).toMatch(/ended +after 2 evaluations without a new lowest loss\n/);
    expect(stdout).toMatch(/lowest at +step \d+\n/);
    expect(stderr).toMatch(/\nstep \d+ of 40 {2}loss .* held out \d+\.\d{4}/);
    expect(metricsOf("patience").length).toBeLessThan(40);
    expect(adapterConfig("patience").base_model_name_or_path).toBe("owner/name");
  });

  test("makes a run longer, to the losses of one that was as long from the start; begins again; refuses the rest", async () => {
    await trained(...args("long", "--steps", "5"));
    await trained(...args("longer", "--steps", "2", "--save-every", "1"));
    const output = ["--output", join(folder, "longer")];
    const { stderr } = await sampleTrain(["--resume", ...output, "--steps", "5"]);
    expect(stderr).toMatch(/note: the run has 5 steps now, in place of 2; its schedule is that of the longer run\n/);
    expect(lossesOf(join(folder, "longer"))).toEqual(lossesOf(join(folder, "long")));
    await fails(1, /^error: --steps: expected at least 5, .* got 3\./, "--resume", ...output, "--steps", "3");
    const other = args("longer", "--steps", "5", "--learning-rate", "0.1", "--resume");
    await fails(
      1,
      /expected the original settings of the run, got different ones: --learning-rate\. .*--restart/,
      ...other,
    );
    await fails(2, "expected --resume or --restart, got both. See --help.", ...other, "--restart");
    const other2 = join(folder, "longer", "other.txt");
    writeFileSync(other2, "");
    await trained(...args("longer", "--steps", "1", "--learning-rate", "0.1", "--restart"));
    expect(lossesOf(join(folder, "longer"))).toHaveLength(1);
    expect(existsSync(other2)).toBe(true);
  });

  test("says so where a mixture mixes nothing", async () => {
    const flags = ["--method", "mixlora", "--target", "q_proj", "--steps", "1"];
    const { stderr } = await sampleTrain(args("nothing", ...flags));
    expect(stderr).toMatch(
      /note: default: mixlora mixes experts at feed-forwards .* and q_proj is none: .* plain LoRA/,
    );
  });

  test.each([
    [["--eval-every", "2"], "--eval-every needs texts that are held out: --eval FILE. See --help."],
    [["--eval", heldOut, "--keep-best"], "--keep-best needs --eval-every N. See --help."],
    [["--threads", "99999"], /argument '99999' is invalid\. Expected a whole number from 1 to 1024\./],
  ])("%j is refused", (more, message) => fails(2, message, ...args("refused", ...more)));

  test("a file in the place of the folder is refused before anything is read", async () => {
    const file = write(folder, "file", "");
    for (const output of [file, join(file, "below")])
      await fails(
        1,
        `${file}: expected a folder for the run, got a file. Name a folder in --output.`,
        ...args("x", "--output", output),
      );
  });
});

describe("a file of adapters", () => {
  const entry = { name: "a", data: "a.jsonl" };
  const read = async (entries: readonly object[], flags: object) =>
    (await readAdapters(write(folder, "adapters.json", JSON.stringify({ lora: entries })), { model: "m", ...flags }))
      .jobs;

  test("has what its entries leave out from the flags", async () => {
    const flags = { rank: 4, dropout: 0.1, target: ["q_proj", "k_proj"], learningRate: 1, numExperts: 3 };
    const [plain, own, mixture] = await read(
      [
        entry,
        { ...entry, name: "b", r: 2, lora_alpha: 3, lora_dropout: 0, target_modules: ["o_proj"], lr: 2 },
        { ...entry, name: "c", routing_strategy: "mola" },
      ],
      flags,
    );
    expect(plain).toMatchObject({
      learningRate: 1,
      adapter: { r: 4, loraAlpha: 8, loraDropout: 0.1, targetModules: ["q_proj", "k_proj"] },
    });
    expect(own).toMatchObject({
      learningRate: 2,
      adapter: { r: 2, loraAlpha: 3, loraDropout: 0, targetModules: ["o_proj"] },
    });
    expect(mixture).toMatchObject({ adapter: { method: "mola", r: 4, numExperts: 3 } });
  });

  test("has the file's defaults where neither says anything", async () => {
    const [job] = await read([{ ...entry, target_modules: ["q_proj"] }], {});
    expect(job).toMatchObject({ adapter: { r: 8, loraAlpha: 8, loraDropout: 0 } });
  });
});

describe("run.json", () => {
  test.each<[string, string, RegExp]>([
    ["no JSON", "{", /expected JSON/],
    ["a list", "[]", /expected an object, got list/],
    ["another format", '{"format":7}', /format: expected 1, got 7/],
    ["no settings", '{"format":1}', /settings: expected an object, got undefined/],
    ["settings of another kind", '{"format":1,"settings":{"model":5}}', /settings: model: expected string, got number/],
  ])("%s is refused", (_, text, message) => expect(() => parseRun(text, "run.json")).toThrow(message));

  test("a job whose name leads out of the folder is refused", async () => {
    await trained(...args("named", "--steps", "1"));
    const path = join(folder, "named", "run.json");
    const text = readFileSync(path, "utf8");
    expect(parseRun(text, path).steps).toBe(1);
    const message = /settings\.jobs\[0\]\.name: expected letters, digits, .* got "\.\.\/x"/;
    expect(() => parseRun(text.replace('"name": "default"', '"name": "../x"'), path)).toThrow(message);
  });
});
