import type { Tensor } from "@tensorflow/tfjs-core";
import { causalConvolution, gatedDeltaRule } from "../../src/index.js";
import { type OpCase, type OpEntry, opCase } from "./cases.js";
import * as reference from "./reference.js";
import { floats, normal, toTensor, uniform, type Values } from "./values.js";

/** The ops of recurrent mixers, output by output. */
export const RECURRENCE: readonly OpEntry[] = [
  ...(["output", "state"] as const).map((output) => ({
    op: `gatedDeltaRule, ${output}`,
    kernel: "MixtapeGatedDeltaRule",
    differentiable: true,
    cases: deltaRuleCases(output),
  })),
  ...(["y", "past"] as const).map((output) => ({
    op: `causalConvolution, ${output}`,
    kernel: "MixtapeCausalConvolution",
    differentiable: true,
    cases: convolutionCases(output),
  })),
];

function deltaRuleCases(output: "output" | "state"): OpCase[] {
  const variants: Variant[] = [
    { what: "a step without a state", length: 1 },
    { what: "a step, rows and heads", length: 1, rows: 2, heads: [1, 2], hasState: true },
    { what: "a step, normalised", length: 1, rows: 2, heads: [2, 2], hasState: true, l2NormEps: 1e-6 },
    { what: "tokens", length: 5, heads: [2, 2] },
    { what: "tokens after a state, normalised", length: 6, rows: 2, heads: [1, 2], hasState: true, l2NormEps: 1e-6 },
    { what: "as many as a chunk", length: 32, l2NormEps: 1e-6 },
    { what: "more than a chunk", length: 35, hasState: true, l2NormEps: 1e-6 },
    { what: "decays to nothing, and rates of 0 and 1", length: 4, hasState: true, isExtreme: true },
  ];
  return variants.map((variant) => deltaRuleCase(output, variant));
}

interface Variant {
  readonly what: string;
  readonly length: number;
  readonly rows?: number;
  /** G and H */
  readonly heads?: readonly [number, number];
  readonly hasState?: boolean;
  readonly l2NormEps?: number;
  readonly isExtreme?: boolean;
}

function deltaRuleCase(wanted: "output" | "state", variant: Variant): OpCase {
  const { what, length, rows = 1, heads: [groups, h] = [1, 1], hasState, isExtreme } = variant;
  const attributes = { scale: 0.5, l2NormEps: variant.l2NormEps ?? null };
  const [dk, dv] = [3, 2];
  const next = uniform(5);
  const gates = (from: number, to: number): Values =>
    floats(
      Array.from({ length: rows * length * h }, () => from + (to - from) * next()),
      [rows, length, h],
    );
  const extremes = (values: readonly number[]): Values =>
    floats(
      Array.from({ length: rows * length * h }, (_, i) => values[i % values.length]!),
      [rows, length, h],
    );
  // Keys that are not normalised are small: with long ones the recurrence grows.
  const scale = variant.l2NormEps === undefined ? 0.5 : 1;
  const inputs: Record<"q" | "k" | "v" | "g" | "beta" | "state", Values> = {
    q: normal(1, [rows, length, groups, dk], { scale }),
    k: normal(2, [rows, length, groups, dk], { scale }),
    v: normal(3, [rows, length, h, dv]),
    g: isExtreme ? extremes([-80, 0, -0.5]) : gates(-1.5, -0.05),
    beta: isExtreme ? extremes([1, 0, 1, 0.5]) : gates(0.1, 0.9),
    state: normal(4, [rows, h, dk, dv]),
  };
  const { state, q, ...always } = inputs;
  const given = { ...always, ...(hasState && { state }) };
  return caseOf(
    what,
    // Nothing leads from a query to the state.
    wanted === "state" ? [given, { q }] : [{ ...given, q }, {}],
    (t) => gatedDeltaRule(t as unknown as Parameters<typeof gatedDeltaRule>[0], attributes),
    wanted,
    (values) => reference.gatedDeltaRule(values as typeof inputs, attributes)[wanted],
  );
}

function convolutionCases(wanted: "y" | "past"): OpCase[] {
  const variants: [string, number[], number, boolean][] = [
    ["a step without a past", [1, 1, 3], 4, false],
    ["a step", [2, 1, 3], 4, true],
    ["fewer tokens than the kernel is wide", [1, 2, 3], 4, true],
    ["tokens without a past", [2, 6, 5], 4, false],
    ["tokens", [2, 6, 20], 3, true],
    ["a kernel of two", [1, 5, 2], 2, true],
  ];
  return variants.map(([what, shape, k, hasPast]) => {
    const [b = 0, , c = 0] = shape;
    const inputs: Record<"x" | "weight" | "past", Values> = {
      x: normal(1, shape),
      weight: normal(2, [c, k]),
      past: normal(3, [b, k - 1, c]),
    };
    const { past, weight, x } = inputs;
    const pastIfAny: Named = hasPast ? { past } : {};
    // Nothing leads from the weight to the past, nor from a past that has gone by.
    const isForgotten = shape[1]! >= k - 1;
    const given: readonly [Named, Named] = isForgotten
      ? [{ x }, { weight, ...pastIfAny }]
      : [{ x, ...pastIfAny }, { weight }];
    return caseOf(
      what,
      wanted === "past" ? given : [{ x, weight, ...pastIfAny }, {}],
      (t) => causalConvolution(t as unknown as Parameters<typeof causalConvolution>[0]),
      wanted,
      (values) => reference.causalConvolution(values as typeof inputs)[wanted],
    );
  });
}

type Named = Readonly<Record<string, Values>>;

/** A case of one of several outputs; the others are freed. The constants are inputs that no gradient leads to. */
function caseOf<O extends string>(
  what: string,
  [given, constants]: readonly [Named, Named],
  run: (tensors: Readonly<Record<string, Tensor>>) => Readonly<Record<O, Tensor>>,
  wanted: O,
  expected: (inputs: Named) => ArrayLike<number>,
): OpCase {
  return opCase(
    what,
    given as Record<string, Values>,
    (tensors) => {
      const others = Object.entries(constants).map(([name, values]) => [name, toTensor(values)] as const);
      return {
        run: () => {
          const made = run({ ...tensors, ...Object.fromEntries(others) });
          for (const [name, output] of Object.entries<Tensor>(made)) if (name !== wanted) output.dispose();
          return made[wanted];
        },
        release: () => {
          for (const [, tensor] of others) tensor.dispose();
        },
      };
    },
    (inputs) => expected({ ...inputs, ...constants }),
  );
}
