import { expect, test } from "vitest";
import { randomTensors } from "../src/families/checkpoint.js";
import { CUTS, configOf } from "../src/families/cuts.js";

test.each(CUTS.map((cut) => [cut.name, cut] as const))(
  "%s is cut to 16 experts, as wide as released",
  async (_, cut) => {
    const config = await configOf(cut);
    const tensors = randomTensors(config);
    const shapes = new Map(tensors.map(({ name, shape }) => [name, shape]));
    expect(shapes.get("model.embed_tokens.weight")).toEqual([32_000, config.hidden_size]);
    const perExpert = [...shapes.keys()].filter((name) =>
      /layers\.1\.mlp\.experts\.\d+\.down_proj\.weight$/.test(name),
    );
    const stacked = shapes.get("model.layers.1.mlp.experts.down_proj");
    expect(stacked?.[0] ?? perExpert.length).toBe(16);
    // Within what a machine of 24 GB runs twice.
    const bytes = tensors.reduce((sum, { shape }) => sum + 2 * shape.reduce((all, n) => all * n, 1), 0);
    expect(bytes).toBeLessThan(5e9);
  },
);
