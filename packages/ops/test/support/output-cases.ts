import type { Tensor, Tensor1D, Tensor2D, Tensor3D } from "@tensorflow/tfjs-core";
import { adamW, chooseExperts, projectHeads } from "../../src/index.js";
import { type OpCase, type OpEntry, opCase } from "./cases.js";
import * as reference from "./reference.js";
import { floats, normal, toTensor, type Values } from "./values.js";
import { type Placement, weightOf } from "./weights.js";

/** The ops with several outputs, one by one. */
export const OF_SEVERAL_OUTPUTS: readonly OpEntry[] = [
  ...["queries", "keys", "values"].map((output, i) => ({
    op: `projectHeads, ${output}`,
    kernel: "MixtapeProjectHeads",
    differentiable: true,
    cases: projectHeadsCases(i),
  })),
  {
    op: "chooseExperts, indices",
    kernel: "MixtapeChooseExperts",
    differentiable: false,
    cases: chooseExpertsCases("indices"),
  },
  {
    op: "chooseExperts, weights",
    kernel: "MixtapeChooseExperts",
    differentiable: true,
    cases: chooseExpertsCases("weights"),
  },
  ...(["mean", "variance", "weight"] as const).map((output) => ({
    op: `adamW, ${output}`,
    kernel: "MixtapeAdamW",
    differentiable: true,
    cases: adamWCases(output),
  })),
];

/** One of several outputs; the others are freed. */
function only(outputs: readonly Tensor[], wanted: number): Tensor {
  for (const [i, output] of outputs.entries()) if (i !== wanted) output.dispose();
  return outputs[wanted]!;
}

function projectHeadsCases(output: number): OpCase[] {
  const variants: [string, number[], Placement["layout"], boolean][] = [
    ["one position", [2, 1, 4], "plain", false],
    ["one position, bias", [2, 1, 4], "transposed", true],
    ["a text", [1, 3, 4], "transposed", false],
    ["texts, bias", [2, 3, 4], "plain", true],
  ];
  return variants.map(([what, shape, layout, biased]) => {
    const names = ["q", "k", "v"] as const;
    const name = names[output]!;
    const outs = { q: 6, k: 2, v: 2 };
    // Only what the output comes from is differentiated: tfjs refuses the gradient of what it does not come from.
    const others = names.filter((other) => other !== name);
    const inputs: Record<"x" | "w" | "bias", Values> = {
      x: normal(1, shape),
      w: normal(2, [outs[name], 4]),
      bias: normal(3, [outs[name]]),
    };
    const { bias: _, ...unbiased } = inputs;
    return opCase(
      `${what}, ${layout}`,
      (biased ? inputs : unbiased) as typeof inputs,
      (t) => {
        const made = others.map((other) => [other, toTensor(normal(4, [outs[other], 4]))] as const);
        const biases = made.map(([other]) => toTensor(normal(5, [outs[other]])) as Tensor1D);
        const own = { weight: weightOf(t.w, "matrix", { layout }), bias: t.bias as Tensor1D | undefined };
        const rest = made.map(([other, tensor], i) => [
          other,
          { weight: weightOf(tensor, "matrix", { layout }), bias: biased ? biases[i] : undefined },
        ]);
        const projections = Object.fromEntries([[name, own], ...rest]) as Parameters<typeof projectHeads>[1];
        return {
          run: () => only(projectHeads(t.x as Tensor3D, projections, 2), output),
          release: () => {
            for (const tensor of [...made.map(([, tensor]) => tensor), ...biases]) tensor.dispose();
          },
        };
      },
      ({ x, w, bias }) => reference.splitHeads(reference.linear(x, w, biased ? bias : undefined), shape, 2),
    );
  });
}

function chooseExpertsCases(output: "indices" | "weights"): OpCase[] {
  const apart = floats([2, -1, 0.5, 1.25, -2, 0, -0.5, 1, 3, -3, 0.25, -0.75], [2, 6]);
  const bias = [-1.5, 0.1, 0.3, -0.9, 1.4, 0.05];
  const variants = (["softmax", "sigmoid"] as const).flatMap((score) => [
    { what: "as they are", score, normalize: false, scale: 1, k: 3 },
    { what: "made to sum to 1, scaled", score, normalize: true, scale: 2.5, k: 3 },
    { what: "with a bias", score, normalize: true, scale: 1, k: 2, bias },
    { what: "k = E", score, normalize: true, scale: 1, k: 6 },
    { what: "k = 1, with a bias", score, normalize: false, scale: 0.5, k: 1, bias },
  ]);
  return variants.map(({ what, bias, ...attrs }) =>
    opCase(
      `${attrs.score}, ${what}`,
      { logits: apart },
      ({ logits }) => {
        // No gradient leads to it: it moves indices alone.
        const moved = bias && (toTensor(floats(bias)) as Tensor1D);
        return {
          run: () => {
            const { indices, weights } = chooseExperts(logits as Tensor2D, { ...attrs, bias: moved });
            return only([indices, weights], output === "indices" ? 0 : 1);
          },
          release: () => moved?.dispose(),
        };
      },
      ({ logits }) => reference.chooseExperts(logits, { ...attrs, bias })[output],
    ),
  );
}

function adamWCases(output: "weight" | "mean" | "variance"): OpCase[] {
  const attributes = { learningRate: 0.1, beta1: 0.9, beta2: 0.95, eps: 1e-3, weightDecay: 0.2, gradientScale: 0.5 };
  const variants = [
    { what: "the third step", isUsed: true, step: 3 },
    { what: "a loss that does not use it", isUsed: false, step: 7 },
  ];
  return variants.map(({ what, isUsed, step }) => {
    const inputs = { weight: normal(1, [2, 3]), mean: normal(2, [2, 3]), variance: floats([1, 2, 3, 4, 5, 6], [2, 3]) };
    const gradient = normal(3, [2, 3]);
    const order = ["weight", "mean", "variance"];
    // Only what the output comes from is differentiated: tfjs refuses the gradient of what it does not come from.
    const used = Object.entries(inputs).filter(([name]) => output === "weight" || name === output);
    return opCase(
      what,
      Object.fromEntries([...used, ...(isUsed ? [["gradient", gradient] as const] : [])]) as Record<string, Values>,
      (t) => {
        const others = Object.entries(inputs).filter(([name]) => !(name in t));
        const made = Object.fromEntries(others.map(([name, values]) => [name, toTensor(values)]));
        return {
          run: () => {
            const { weight, mean, variance } = adamW({ ...made, ...t } as Parameters<typeof adamW>[0], {
              ...attributes,
              step,
            });
            return only([weight, mean, variance], order.indexOf(output));
          },
          release: () => {
            for (const tensor of Object.values(made)) tensor.dispose();
          },
        };
      },
      (given) => reference.adamW({ ...inputs, ...given }, { ...attributes, step })[output],
    );
  });
}
