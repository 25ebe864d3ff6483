import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openSafetensors } from "@mixtape/safetensors";
import { afterAll, beforeAll, expect, test } from "vitest";
import { fails, golden, json, run, SAMPLE } from "./command.js";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "mixtape-trace-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

async function read(
  path: string,
  name: string,
): Promise<{ shape: readonly number[]; dtype: string; values: number[] }> {
  const file = await openSafetensors(path);
  const { shape, dtype, ...tensor } = file.tensor(name);
  const data = (await file.tensor(name).read()).slice().buffer;
  await file.close();
  const views = { I16: Int16Array, I64: BigInt64Array, F32: Float32Array } as const;
  expect(tensor).toBeDefined();
  return { shape, dtype, values: Array.from(new views[dtype as keyof typeof views](data), Number) };
}

/** The K largest of each row, the first of equal ones first. */
function topK(values: readonly number[], experts: number, k: number): number[][] {
  return Array.from({ length: values.length / experts }, (_, t) => {
    const row = values.slice(t * experts, (t + 1) * experts);
    return [...row.keys()].sort((a, b) => row[b]! - row[a]! || a - b).slice(0, k);
  });
}

test.each(["mixtral/basic", "qwen3-moe/basic"])(
  "%s: tokens went where the reference's router logits say",
  async (name) => {
    const reference = join(golden(name), "golden.safetensors");
    const ids = await read(reference, "input_ids");
    const length = ids.shape[1]!;
    const config = JSON.parse(readFileSync(join(golden(name), "config.json"), "utf8")) as {
      num_experts_per_tok: number;
    };
    const outputs = join(folder, "trace.safetensors");
    const prompt = ids.values.slice(0, length).join();
    const args = [
      "trace",
      "--model",
      golden(name),
      "--prompt-ids",
      prompt,
      "--max-new-tokens",
      "1",
      "--outputs",
      outputs,
    ];
    expect(await run(args)).toMatchObject({ code: 0 });
    const { dtype, shape, values } = await read(outputs, "routed_experts");
    const k = config.num_experts_per_tok;
    const [, layers] = shape as [number, number];
    expect({ dtype, shape }).toEqual({ dtype: "I16", shape: [length, layers, k] });
    expect((await read(outputs, "token_ids")).values).toEqual(ids.values.slice(0, length));
    for (let layer = 0; layer < layers; layer++) {
      const logits = await read(reference, `router_logits.${layer}`);
      const experts = logits.shape[1]!;
      const expected = topK(logits.values.slice(0, length * experts), experts, k);
      const actual = expected.map((_, t) => values.slice((t * layers + layer) * k, (t * layers + layer + 1) * k));
      expect(actual).toEqual(expected);
    }
  },
);

test("a heat map in the terminal, and a page", async () => {
  const [outputs, page] = [join(folder, "a.safetensors"), join(folder, "a.html")];
  const args = ["--prompt", "It was <b>", "--max-new-tokens", "6", "--outputs", outputs, "--html", page];
  const { code, stdout, stderr } = await run(["trace", "--model", SAMPLE, ...args]);
  expect(code).toBe(0);
  // The first layer is dense.
  expect(stdout).toMatch(/^ {2}layer 1 +│[ ░▒▓█]{8}│ busiest \d \(\d\.\d×\)/);
  expect(stdout.match(/^ {2}layer \d/gm)).toHaveLength(5);
  expect(stderr).toMatch(/\d+ tokens, 2 experts for each; \[\d+, 6, 2\] in .*a\.safetensors\n$/);
  const text = readFileSync(page, "utf8");
  expect(text).toContain("&lt;");
  expect(text).not.toContain("<b>");
  expect(text).not.toMatch(/https?:|<script/);
  expect(text.match(/<td style="background/g)).toHaveLength(5 * 8);
});

test("--json prints the loads", async () => {
  const outputs = join(folder, "b.safetensors");
  const args = ["--prompt-ids", "5,6,7", "--max-new-tokens", "4", "--outputs", outputs];
  const result = await json<{
    tokens: number;
    slots: number;
    ids: number[];
    loads: { layer: number; counts: number[] }[];
  }>("trace", "--model", golden("afmoe/basic"), ...args);
  expect(result).toMatchObject({ tokens: 6, outputs, promptIds: [5, 6, 7] });
  expect(result.ids).toHaveLength(4);
  for (const { counts } of result.loads) expect(counts.reduce((a, b) => a + b)).toBe(6 * result.slots);
});

test("what cannot be written is refused first", async () => {
  const args = ["trace", "--model", golden("mixtral/basic"), "--prompt-ids", "5", "--outputs"];
  await fails(1, /a folder .* to write to, got nothing of this name/, ...args, join(folder, "no", "a.safetensors"));
  await fails(1, /a new file, or one that may be replaced, as --outputs, got a folder/, ...args, folder);
  await fails(2, /expected --outputs OUT.safetensors/, ...args.slice(0, -1));
});
