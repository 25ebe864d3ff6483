/** `sample-generate merge`: what it writes, and what it refuses. */

import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  watch,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openCheckpoint } from "@mixtape/safetensors";
import { afterAll, describe, expect, test } from "vitest";
import { fails, golden, json, run } from "./command.js";

const scratch = mkdtempSync(join(tmpdir(), "merge-"));
afterAll(() => rmSync(scratch, { recursive: true }));

const ADAPTER = golden("../adapters/mixtral/lora-attention");
const MODEL = golden("mixtral/basic");
const args = (output: string, ...more: string[]): string[] => [
  ...["merge", "--model", MODEL, "--adapter", ADAPTER, "--output", output, "--engine", "wasm"],
  ...more,
];

interface Forward {
  readonly ids: number[];
}

describe("a merged checkpoint", () => {
  test("writes the tokens that model and adapter write together", async () => {
    const output = join(scratch, "plain");
    const ended = await run(args(output));
    expect(ended).toMatchObject({ code: 0, stderr: "" });
    expect(ended.stdout).toMatch(/merged +lora of rank 4, .* parameters, at 12 modules\n/);
    expect(readdirSync(output).sort()).toEqual(["config.json", "generation_config.json", "model.safetensors"]);
    const ids = (...more: string[]): Promise<Forward> =>
      json("generate", ...more, "--prompt-ids", "5,6,7", "--max-new-tokens", "8", "--engine", "wasm");
    const [merged, together] = await Promise.all([ids("--model", output), ids("--model", MODEL, "--adapter", ADAPTER)]);
    expect(merged.ids).toEqual(together.ids);
  });

  test("in bfloat16 and shards, with the tokenizer and the license of the model", async () => {
    const model = join(scratch, "licensed");
    const output = join(scratch, "sharded");
    cpSync(MODEL, model, { recursive: true });
    writeFileSync(join(model, "tokenizer_config.json"), '{"model_max_length": 7}');
    mkdirSync(join(model, "additional_chat_templates"));
    writeFileSync(join(model, "additional_chat_templates", "rag.jinja"), "{{ documents }}");
    writeFileSync(join(model, "LICENSE.txt"), "as is");
    writeFileSync(join(model, "README.md"), "the card of another model");
    const result = await json<{ dtype: string; files: string[]; modules: number }>(
      ...["merge", "--model", model, "--adapter", ADAPTER, "--output", output, "--engine", "wasm"],
      ...["--dtype", "bfloat16", "--max-shard-size", "40KB"],
    );
    expect(result).toMatchObject({ dtype: "bfloat16", modules: 12, adapter: expect.stringContaining("lora") });
    expect(result.files).toContain("model.safetensors.index.json");
    expect(result.files).toEqual(expect.arrayContaining(["LICENSE.txt", "tokenizer_config.json"]));
    expect(result.files).toContain(join("additional_chat_templates", "rag.jinja"));
    expect(existsSync(join(output, "README.md"))).toBe(false);
    const config = JSON.parse(readFileSync(join(output, "config.json"), "utf8")) as Record<string, unknown>;
    expect(config).toMatchObject({ model_type: "mixtral", dtype: "bfloat16", num_local_experts: 4 });
    const checkpoint = await openCheckpoint(output);
    expect(new Set(checkpoint.names.map((name) => checkpoint.tensor(name).dtype))).toEqual(new Set(["BF16"]));
    await checkpoint.close();
  });

  test("an adapter that brings its own tokenizer is saved with that", async () => {
    const adapter = join(scratch, "with-tokenizer");
    const output = join(scratch, "own-tokenizer");
    cpSync(ADAPTER, adapter, { recursive: true });
    writeFileSync(join(adapter, "tokenizer.json"), "{}");
    await json("merge", "--model", MODEL, "--adapter", adapter, "--output", output, "--engine", "wasm");
    expect(readFileSync(join(output, "tokenizer.json"), "utf8")).toBe("{}");
  });

  test.each(["SIGINT", "SIGKILL"] as const)(
    "is there as a whole or not at all where %s comes while it is saved",
    async (signal) => {
      const parent = join(scratch, signal);
      mkdirSync(parent);
      const output = join(parent, "merged");
      // A shard for each tensor, so that there is time between the first and the last.
      const shards = [...args(output), "--max-shard-size", "1KB"];
      const { code, stdout, stderr } = await run(shards, {
        watch: (child) => {
          // Once: at a second signal the system ends the process.
          const watcher = watch(parent, () => {
            watcher.close();
            child.kill(signal);
          });
        },
      });
      expect(stdout).toBe("");
      if (signal === "SIGINT") {
        expect({ code, stderr }).toEqual({ code: 130, stderr: "Interrupted.\n" });
        expect(existsSync(output)).toBe(false);
      } else {
        // What is left are temporary files, which no program takes for a checkpoint.
        expect(code).toBeNull();
        expect(readdirSync(output).filter((name) => !name.startsWith("."))).toEqual([]);
      }
      await json("merge", ...args(output).slice(1));
      expect(readdirSync(output).sort()).toEqual(["config.json", "generation_config.json", "model.safetensors"]);
    },
  );

  test("is not written over anything", async () => {
    await fails(
      1,
      `${MODEL}: expected a new or empty folder for the checkpoint, got a folder with ${readdirSync(MODEL).length} files in it. Choose another folder for --output: nothing is overwritten.`,
      ...args(MODEL),
    );
    const file = join(scratch, "file");
    writeFileSync(file, "");
    await fails(1, `${file}: expected a new or empty folder for the checkpoint, got a file.`, ...args(file));
  });

  test("is not made of a mixture", async () => {
    const output = join(scratch, "mixture");
    const mixture = golden("../adapters/mixtral/mixlora-switch");
    const model = golden("mixtral/right-padded");
    await fails(
      1,
      /^error: merge default: expected LoRA, rsLoRA or DoRA, got mixlora-switch, whose update at \S+ depends on the input\. Keep it beside the model\.$/,
      ...["merge", "--model", model, "--adapter", mixture, "--output", output, "--engine", "wasm"],
    );
    expect(existsSync(output)).toBe(false);
  });

  test.each([
    [["--dtype", "int8"], /'int8' is invalid\. Allowed choices are float32, bfloat16, float16\. See --help\.$/],
    [["--max-shard-size", "2"], /Expected a size such as 2GB, 500MB or 1GiB\. See --help\.$/],
  ])("%j is refused", async (more, message) => {
    await fails(2, message, ...args(join(scratch, "refused"), ...more));
  });
});
