import type { Tensor1D, Tensor4D } from "@tensorflow/tfjs-core";
import { AttentionMask, type AttentionMaskShape, attention } from "../../src/index.js";
import { type OpCase, type OpEntry, opCase } from "./cases.js";
import * as reference from "./reference.js";
import { normal, type Values } from "./values.js";

export const ATTENTION: OpEntry = {
  op: "attention",
  kernel: "MixtapeAttention",
  differentiable: true,
  cases: [
    one("one token, one head", { heads: [1, 1], mask: { queries: 1, keys: 1 } }),
    one("a step with a cache", { heads: [4, 2], mask: { queries: 1, keys: 5 } }),
    one("a step within a window", { heads: [2, 1], mask: { queries: 1, keys: 5, window: 2 } }),
    one("causal", { heads: [2, 2], mask: { queries: 4, keys: 4 } }),
    one("grouped heads", { heads: [4, 2], mask: { queries: 3, keys: 3 } }),
    one("one key head", { heads: [3, 1], mask: { queries: 3, keys: 3 } }),
    one("a chunk after a cache", { heads: [2, 1], mask: { queries: 2, keys: 5 } }),
    one("window", { heads: [2, 1], mask: { queries: 5, keys: 5, window: 2 } }),
    one("window 1", { heads: [1, 1], mask: { queries: 3, keys: 3, window: 1 } }),
    one("window, a chunk after a cache", { heads: [2, 1], mask: { queries: 2, keys: 6, window: 3 } }),
    one("right-padded rows", { heads: [2, 1], mask: { queries: 3, keys: 3 }, tokens: ["111", "110", "100"] }),
    one("left-padded rows, some queries blind", {
      heads: [2, 2],
      mask: { queries: 3, keys: 3 },
      tokens: ["111", "011", "001"],
    }),
    one("rows of several texts", {
      heads: [4, 2],
      mask: { queries: 5, keys: 5 },
      texts: ["00011", "01222"],
    }),
    one("rows of several texts, window and padding", {
      heads: [2, 1],
      mask: { queries: 6, keys: 6, window: 2 },
      tokens: ["111110", "011111"],
      texts: ["000111", "000012"],
    }),
    one("all at once", {
      heads: [4, 2],
      mask: { queries: 3, keys: 6, window: 2 },
      tokens: ["111111", "000111", "000001"],
    }),
    one("narrower values, a step with a cache", { heads: [4, 2], width: 3, mask: { queries: 1, keys: 5 } }),
    one("wider values", { heads: [2, 1], width: 6, mask: { queries: 4, keys: 4 } }),
    one("sinks, a step with a cache", { heads: [4, 2], hasSinks: true, mask: { queries: 1, keys: 5 } }),
    one("sinks and a window", { heads: [2, 2], hasSinks: true, mask: { queries: 5, keys: 5, window: 2 } }),
    one("sinks and narrower values, some queries blind", {
      heads: [2, 1],
      width: 2,
      hasSinks: true,
      mask: { queries: 3, keys: 3 },
      tokens: ["111", "011", "001"],
    }),
  ],
};

interface Variant {
  /** H and G */
  readonly heads: readonly [number, number];
  readonly mask: AttentionMaskShape;
  /** Dv. Default D. */
  readonly width?: number;
  readonly hasSinks?: boolean;
  /** For each row which slots hold tokens. */
  readonly tokens?: readonly string[];
  /** For each row which text each slot belongs to. */
  readonly texts?: readonly string[];
}

function one(name: string, variant: Variant): OpCase {
  const { heads, mask: shape, width = 4, hasSinks = false, tokens = [], texts = [] } = variant;
  const [h, g] = heads;
  const { queries, keys } = shape;
  const d = 4;
  const b = tokens.length || texts.length || 1;
  const values = Uint8Array.from(tokens.join(""), Number);
  const keyPadding = tokens.length > 0 ? { rows: b, values } : null;
  const documentIds = texts.length > 0 ? { rows: b, values: Int32Array.from(texts.join(""), Number) } : null;
  const describe = () => new AttentionMask({ ...shape, keyPadding, documentIds });
  const inputs = {
    q: normal(1, [b, h, queries, d]),
    k: normal(2, [b, g, keys, d]),
    v: normal(3, [b, g, keys, width]),
    ...(hasSinks ? { sinks: normal(4, [h]) } : ({} as { sinks: Values })),
  };
  const mask = describe();
  // Scores of a query that sees nothing are swallowed by the mask; nobody reads its row, so no gradient comes.
  const reads = (index: number) => {
    const query = Math.floor(index / (h * width)) % queries;
    const row = Math.floor(index / (h * width * queries));
    return Array.from({ length: keys }, (_, key) => mask.sees(row, query, key)).includes(true);
  };
  return opCase(
    name,
    inputs,
    ({ q, k, v, sinks }) => {
      const own = describe();
      const options = { sinks: sinks as Tensor1D | undefined };
      return {
        run: () => attention(q as Tensor4D, k as Tensor4D, v as Tensor4D, own, d ** -0.5, options),
        release: () => own.dispose(),
      };
    },
    (given) => reference.attention(given, { window: shape.window, keyPadding, documentIds }, d ** -0.5).output,
    reads,
  );
}
