import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { fails, SAMPLE, sampleTrain, temporaryFolder, trained, write } from "./command.js";

const folder = temporaryFolder();
const text = write(folder, "text.txt", "It was a fine morning, and the sea was calm. ".repeat(20));
let runs = 0;
/** A run of its own: tests run at once, and a folder takes one run at a time. */
const base = () => ["--model", SAMPLE, "--output", join(folder, `none-${runs++}`), "--steps", "1"];

describe("a command line that is wrong ends with 2", () => {
  test.each<[string, string | RegExp, string[]]>([
    ["no model", "expected --model DIR. See --help.", ["--data", text, "--output", "x"]],
    ["no data", "expected --data FILE.jsonl or FILE.txt. See --help.", base()],
    ["no output", "expected --output DIR. See --help.", ["--model", SAMPLE, "--data", text]],
    [
      "an unknown method",
      /^error: option '--method <name>' argument 'ia3' is invalid\. Allowed choices are full, lora, /,
      [...base(), "--data", text, "--method", "ia3"],
    ],
    [
      "a rank of 0",
      /^error: option '--rank <r>' argument '0' is invalid\. Expected a whole number of at least 1\./,
      [...base(), "--data", text, "--rank", "0"],
    ],
    [
      "a rank for all weights",
      "--rank is for adapters; --method full has none. See --help.",
      [...base(), "--data", text, "--method", "full", "--rank", "4"],
    ],
    [
      "experts without a mixture",
      "--num-experts is for mixtures; --method lora is none. See --help.",
      [...base(), "--data", text, "--num-experts", "4"],
    ],
    [
      "packed rows for a mixture",
      /^error: --pack is for --method full, lora, rslora and dora, one at a time\./,
      [...base(), "--data", text, "--method", "mola", "--pack"],
    ],
  ])("%s", (_, message, args) => fails(2, message, ...args));
});

describe("what cannot be done ends with 1 and one line", () => {
  const withData = (name: string, content: string): string[] => [...base(), "--data", write(folder, name, content)];

  test.each<[string, RegExp, () => string[]]>([
    [
      "no such file",
      /none\.txt: expected a file of texts, got no such file\.$/,
      () => [...base(), "--data", join(folder, "none.txt")],
    ],
    [
      "a file of another kind",
      /text\.csv: expected a \.txt, \.jsonl or \.json file, got \.csv\./,
      () => withData("text.csv", "a,b"),
    ],
    [
      "an output that holds a model",
      /expected a folder for the run, got one with a checkpoint in it\. .*--output/,
      () => {
        const model = join(folder, "model");
        mkdirSync(model);
        write(model, "config.json", "{}");
        return ["--model", SAMPLE, "--data", text, "--steps", "1", "--output", model];
      },
    ],
    [
      "an adapter that is called as a file of the run",
      /lora\[0\]\.name: expected a name that the run's own files have not, got "checkpoint"\.$/,
      () => [
        ...base(),
        "--adapters",
        write(folder, "named.json", JSON.stringify({ lora: [{ name: "checkpoint", data: text }] })),
      ],
    ],
    ["an empty file", /empty\.txt: expected texts to train on, got an empty file\.$/, () => withData("empty.txt", "")],
    [
      "a line that is no JSON",
      /bad\.jsonl: line 3: expected \{"text": …\}, .*, got no JSON: the end where /,
      () => withData("bad.jsonl", '{"text":"a b c"}\n\n{"text":\n'),
    ],
    [
      "a line of another shape",
      /shape\.jsonl: line 1: expected .*, got \{"txt": a string\}\.$/,
      () => withData("shape.jsonl", '{"txt":"a"}\n'),
    ],
    [
      "columns that are not for learning",
      /keys\.jsonl: line 1: expected no keys but "text", got "id", "source"\. .* pass --ignore-keys id source\.$/,
      () => withData("keys.jsonl", '{"text":"a b c","id":1,"source":"x"}\n'),
    ],
    [
      "labels all ignored",
      /silent\.jsonl: expected a text of at least two tokens with a label other than -100, got none: all labels are -100\./,
      () => withData("silent.jsonl", '{"messages":[{"role":"user","content":"Who are you?"}]}\n'),
    ],
    [
      "a target that matches nothing",
      /^error: --target: expected targets that match a linear map of the model, got w9\./,
      () => [...base(), "--data", text, "--target", "w9"],
    ],
    [
      "longer rows than the model's context",
      /at most the model's context, 1024 tokens, got 2048\. Set --max-length 1024 or less, or cutoff_len in a file of adapters\.$/,
      () => [...base(), "--data", text, "--max-length", "2048"],
    ],
    [
      "an adapter's rank of 0",
      /lora\[0\]: r: expected .*, got 0/,
      () => [
        ...base(),
        "--data",
        text,
        "--adapters",
        write(folder, "zero.json", '{"lora":[{"name":"a","r":0,"target_modules":["q_proj"]}]}'),
      ],
    ],
    [
      "an unknown key of an adapter",
      /lora\[0\]: .*rnak/,
      () => [
        ...base(),
        "--data",
        text,
        "--adapters",
        write(folder, "key.json", '{"lora":[{"name":"a","rnak":4,"target_modules":["q_proj"]}]}'),
      ],
    ],
    [
      "an adapter without texts",
      /lora\[0\]\.data: expected a file, or --data for all, got undefined\.$/,
      () => [
        ...base(),
        "--adapters",
        write(folder, "textless.json", '{"lora":[{"name":"a","target_modules":["q_proj"]}]}'),
      ],
    ],
    [
      "a run to go on with that is not there",
      /expected a run to go on with, got none\./,
      () => ["--resume", "--output", join(folder, "nowhere")],
    ],
  ])("%s", (_, message, args) => fails(1, message, ...args()));

  test("a folder with a run is not written over, and other settings do not go on with it", async () => {
    const output = join(folder, "run");
    const args = ["--model", SAMPLE, "--data", text, "--output", output, "--max-length", "16", "--steps", "1"];
    await trained(...args);
    const adapter = readFileSync(join(output, "adapter_model.safetensors"));
    await fails(1, /expected a folder without a run, got one with a run in it\./, ...args);
    await fails(
      1,
      /expected the original settings of the run, got different ones: --seed\./,
      ...args,
      "--resume",
      "--seed",
      "7",
    );
    expect(readFileSync(join(output, "adapter_model.safetensors"))).toEqual(adapter);
  });

  test("a loss that is no number leaves what was saved", async () => {
    const output = join(folder, "wild");
    mkdirSync(output);
    const wild = [
      "--learning-rate",
      "1e30",
      "--max-grad-norm",
      "1e30",
      "--schedule",
      "constant",
      "--warmup-steps",
      "0",
    ];
    const { code, stderr } = await sampleTrain([
      ...["--model", SAMPLE, "--data", text, "--output", output, "--max-length", "16", "--steps", "50"],
      ...["--save-every", "1", "--batch-size", "1", ...wild],
    ]);
    expect(code).toBe(1);
    expect(stderr).toMatch(/\nnote: what was saved in .* stays: .*\nerror: .*expected .*finite/);
    expect(readFileSync(join(output, "checkpoint", "training.json"), "utf8")).toContain('"format": 1');
  });
});

test.runIf(process.platform === "linux")("an output that the system makes no folder for", () => {
  const message =
    /^error: \/proc\/mixtape: expected to create this folder, got the system's answer ".*"\. Choose a folder where/;
  return fails(1, message, "--model", SAMPLE, "--data", text, "--output", "/proc/mixtape/run");
});
