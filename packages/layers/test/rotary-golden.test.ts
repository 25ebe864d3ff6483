/** Rotated queries and keys of transformers 5.18, from the keys of a config file on. */
import { readFileSync } from "node:fs";
import { decoderConfig, yarnMscale } from "@mixtape/config";
import { rotary } from "@mixtape/ops";
import { type Tensor4D, tensor4d, tidy } from "@tensorflow/tfjs-core";
import { beforeAll, expect, test } from "vitest";
import { RotaryEmbedding } from "../src/index.js";
import { useCpu } from "./support/cpu.js";

type Heads = number[][][][];
interface GoldenCase {
  readonly form: "halves" | "pairs";
  readonly config: Record<string, unknown> & { readonly qk_rope_head_dim?: number };
  readonly positions: number[][];
  readonly query: Heads;
  readonly key: Heads;
  readonly rotatedQuery: Heads;
  readonly rotatedKey: Heads;
  readonly score_scaling?: number;
}

const golden = new URL("../../testing/__fixtures__/rotary.json", import.meta.url);
const cases = Object.entries(JSON.parse(readFileSync(golden, "utf8")) as Record<string, GoldenCase>);

beforeAll(useCpu);

/** The reference moves the first of all pairs before the second. */
function firstsThenSeconds(head: readonly number[]): number[] {
  return [...head.filter((_, i) => i % 2 === 0), ...head.filter((_, i) => i % 2 === 1)];
}

test.each(cases)("%s", (_, { form, positions, score_scaling, ...row }) => {
  const { qk_rope_head_dim, ...keys } = row.config;
  const config = decoderConfig.parse({
    model_type: "decoder",
    ...keys,
    ...(qk_rope_head_dim && { head_dim: qk_rope_head_dim }),
  });
  const values = Int32Array.from(positions.flat());
  for (const [given, rotated] of [
    [row.query, row.rotatedQuery],
    [row.key, row.rotatedKey],
  ] as const) {
    const ours = tidy(() => {
      const tables = new RotaryEmbedding(config).tables({ rows: 2, length: positions[0]!.length, values });
      const x: Tensor4D = tensor4d(given);
      return rotary(x, tables, { interleaved: form === "pairs" }).arraySync();
    });
    const ordered = ours.map((b) => b.map((h) => h.map((head) => (form === "pairs" ? firstsThenSeconds(head) : head))));
    const [a, b] = [ordered.flat(3), rotated.flat(3)];
    expect(a).toHaveLength(b.length);
    for (const [i, value] of b.entries()) expect(Math.abs(a[i]! - value), `number ${i}`).toBeLessThan(2e-6);
  }
  const { ropeParameters: rope } = config;
  const mscale = "mscaleAllDim" in rope && rope.mscaleAllDim ? yarnMscale(rope.factor, rope.mscaleAllDim) : 1;
  if (score_scaling !== undefined) expect(mscale ** 2).toBeCloseTo(score_scaling, 12);
});
