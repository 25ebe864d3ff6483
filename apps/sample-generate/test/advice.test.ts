/** The advice of errors names the flags of the command that ran. */

import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { fails, fixture, golden, run } from "./command.js";

const folder = mkdtempSync(join(tmpdir(), "mixtape-advice-"));
afterAll(() => rmSync(folder, { recursive: true }));

let copies = 0;
/** A copy of a checkpoint with other values in one of its files. */
function changed(file: string, values: object, from = golden("mixtral/basic")): string {
  const copy = join(folder, `copy-${copies++}`);
  cpSync(from, copy, { recursive: true });
  const path = join(copy, file);
  const before = file === "generation_config.json" ? {} : (JSON.parse(readFileSync(path, "utf8")) as object);
  writeFileSync(path, JSON.stringify({ ...before, ...values }));
  return copy;
}

type Command = "generate" | "trace";
const argsOf = (command: Command, model: string): string[] => [
  ...[command, "--model", model, "--engine", "cpu", "--prompt-ids", "5"],
  ...(command === "trace" ? ["--outputs", join(folder, "trace.safetensors")] : []),
];
const generating = (model: string): string[] => argsOf("generate", model);

test.each<[command: Command, values: object, advice: string]>([
  [
    "generate",
    { repetition_penalty: -2 },
    "Set --repetition-penalty, or pass --ignore repetition_penalty to load the model without it.",
  ],
  [
    "generate",
    { eos_token_id: "</s>" },
    "Set --ignore-eos, or pass --ignore eos_token_id to load the model without it.",
  ],
  [
    "generate",
    { max_new_tokens: "many" },
    "Set --max-new-tokens, or pass --ignore max_new_tokens to load the model without it.",
  ],
  ["generate", { forced_eos_token_id: 999 }, "Pass --ignore forced_eos_token_id to load the model without it."],
  ["generate", { num_beams: 4 }, "Pass --ignore num_beams to load the model without it."],
  // It has no flag for it.
  ["trace", { repetition_penalty: -2 }, "Pass --ignore repetition_penalty to load the model without it."],
])("a generation_config.json that cannot be used: %s, %j", async (command, values, advice) => {
  const { code, stderr } = await run(argsOf(command, changed("generation_config.json", values)));
  expect(stderr).toMatch(/^error: .*generation_config\.json: \w+: expected .*\n$/);
  expect(stderr).toContain(` ${advice}\n`);
  expect(code).toBe(1);
});

test("options that leave no token, by flags and by the file", async () => {
  const none = [...Array(97).keys()];
  const args = generating(golden("mixtral/basic"));
  await fails(
    1,
    /got none\. Change --suppress-tokens, or pass --ignore suppress_tokens if generation_config\.json sets it\.$/,
    ...[...args, "--suppress-tokens", none.join()],
  );
  await fails(
    1,
    /got none\. Pass --ignore bad_words_ids if generation_config\.json sets it\.$/,
    ...generating(changed("generation_config.json", { bad_words_ids: none.map((id) => [id]) })),
  );
});

test("log-probabilities of a prompt that a cache holds", () =>
  fails(
    1,
    "--prompt-logprobs: expected no cache beside it, got a cache, whose tokens are not computed again. Leave one of the two out.",
    ...[...generating(golden("mixtral/basic")), "--prompt-logprobs", "--prompt-cache", join(folder, "x.cache")],
  ));

test("a head that nobody registered, where the command has --task and where it has none", async () => {
  const model = changed("config.json", { architectures: ["MixtralForRewardModel"] });
  const inputs = join(golden("mixtral/basic"), "golden.safetensors");
  const outputs = join(folder, "outputs.safetensors");
  await fails(
    1,
    /Choose a head with --task, or add a class of another head with registerFamily\.$/,
    ...["forward", "--model", model, "--engine", "cpu", "--inputs", inputs, "--outputs", outputs],
  );
  await fails(1, /\. Add a class of another head with registerFamily\.$/, "inspect", "--model", model);
});

test("keys of an adapter that nobody knows", () => {
  const adapter = changed("adapter_config.json", { shiny: 1 }, fixture("adapters/mixtral/mixlora-switch"));
  return fails(1, /, pass --ignore shiny\.$/, ...generating(golden("mixtral/basic")), "--adapter", adapter);
});

test("--debug names flags in the error and in its causes", async () => {
  const args = generating(changed("generation_config.json", { num_beams: 4 }));
  const { stderr } = await run([...args, "--debug"]);
  expect(stderr).toMatch(/^error: GenerationError: .*Pass --ignore num_beams to load the model without it\.\n {4}at /);
});
