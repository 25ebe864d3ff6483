import type { DecoderConfig } from "@mixtape/config";
import type { CausalLMInputs, ForCausalLM } from "@mixtape/decoder";
import { Experts, type Param } from "@mixtape/layers";
import { encodeWeight, gradientsOf, topKIndices } from "@mixtape/ops";
import { fromFloat32, toFloat32, viewOfBytes } from "@mixtape/safetensors";
import { dispose, keep, scalar, type Tensor2D, tidy } from "@tensorflow/tfjs-core";
import { expect, test, vi } from "vitest";
import { withoutLeak } from "../leak.js";
import { type Subject, sampleText } from "./subject.js";

/** Change of the loss when a slope is measured: far above rounding, and small enough to be linear. */
const RISE = 4e-3;

/** Largest step of the weights for that: beyond it, the loss is not linear. */
const FURTHEST = 4e-3;

/** Tolerance of the measured change: for curvature, and for the rounding of the loss. */
const MOVE = { relative: 0.01, absolute: 4e-6 };

/** The gradient of the loss matches a numerical gradient, for every parameter. */
export function hasGradients<C extends DecoderConfig>({ create }: Subject<C>): void {
  test("the gradient with respect to every parameter matches a step in a random direction", async () => {
    const model = await create();
    const inputs = trainingInputs(model.config);
    try {
      await withoutLeak(async () => {
        const gradients = await gradientsByParam(model, inputs);
        const { routing } = await lossAndRouting(model, inputs);
        const without: string[] = [];
        for (const [name, param] of model.namedParameters()) {
          const gradient = gradients.get(name)!;
          expect(gradient.every(Number.isFinite), `${name}: finite`).toBe(true);
          if (gradient.every((value) => value === 0)) without.push(name);
          const { computed, measured } = await move(model, inputs, { param, gradient, routing });
          const message = `${name}: the loss should move by ${computed} and moves by ${measured}`;
          expect(isMove(measured, computed), message).toBe(true);
        }
        // Parameters that only affect the selection of experts have no gradient; all others have.
        expect(without.filter((name) => !name.endsWith(".router.expert_bias"))).toEqual([]);
      });
    } finally {
      model.dispose();
    }
  });
}

function isMove(measured: number, computed: number): boolean {
  return Math.abs(measured - computed) < MOVE.relative * computed + MOVE.absolute;
}

/** Two rows, one of them padded, with labels of which some are ignored. */
function trainingInputs(config: DecoderConfig): CausalLMInputs {
  const inputIds = sampleText(2, 8, config);
  return {
    inputIds,
    labels: inputIds.map((row, i) => (i === 0 ? row : row.map((id, at) => (at < 4 ? -100 : id)))),
    attentionMask: inputIds.map((row, i) => row.map((_, at) => (i === 1 && at < 2 ? 0 : 1))),
    outputRouterLogits: true,
  };
}

/** Returns the gradient of the loss with respect to each parameter, in its logical shape. */
async function gradientsByParam(model: ForCausalLM, inputs: CausalLMInputs): Promise<Map<string, Float32Array>> {
  const params = [...model.namedParameters()];
  const parts = params.flatMap(([, param]) => [...param.weight.parts]);
  const tensors = tidy(() => gradientsOf(() => model.forward(inputs).loss!, parts, scalar(1)));
  const gradients = new Map<string, Float32Array>();
  const left = [...tensors];
  for (const [name, { weight }] of params) {
    const own = { ...weight, parts: left.splice(0, weight.parts.length) };
    gradients.set(name, toFloat32(await encodeWeight(own, "F32"), "F32"));
  }
  dispose(tensors);
  return gradients;
}

/**
 * Moves a parameter in both directions, and restores it.
 * @param options.routing the experts before
 * @returns the difference of the loss between the two
 */
async function move(
  model: ForCausalLM,
  inputs: CausalLMInputs,
  { param, gradient, routing }: { param: Param; gradient: Float32Array; routing: string },
): Promise<{ computed: number; measured: number }> {
  const direction = gradient.map(randomly);
  const slope = gradient.reduce((sum, value, i) => sum + value * direction[i]!, 0);
  const values = toFloat32(await encodeWeight(param.weight, "F32"), "F32").slice();
  const moveTo = (step: number): Promise<void> => {
    const moved = values.map((value, i) => value + step * direction[i]!);
    return param.load(viewOfBytes("moved", "F32", param.shape, fromFloat32(moved, "F32")));
  };
  const runAt = async (step: number) => {
    await moveTo(step);
    return lossAndRouting(model, inputs);
  };
  // Where a token changes its experts the loss jumps, and has no slope: then use a smaller step.
  const furthest = Math.min(FURTHEST, RISE / slope);
  for (const step of [furthest, furthest / 4, furthest / 16, furthest / 64]) {
    const up = await runAt(step);
    const down = await runAt(-step);
    if (up.routing !== routing || down.routing !== routing) continue;
    const computed = 2 * step * slope;
    let measured = up.loss - down.loss;
    if (!isMove(measured, computed)) {
      // The error of a central difference is of third order: half the step reveals it (Richardson).
      const [nearUp, nearDown] = [await runAt(step / 2), await runAt(-step / 2)];
      measured = (8 * (nearUp.loss - nearDown.loss) - measured) / 3;
    }
    await moveTo(0);
    return { computed, measured };
  }
  throw new Error(`expected a step at which no token changes its experts, got none down to ${furthest / 64}`);
}

/**
 * A direction, element by element: uphill, so that slopes add up, and somewhere where there is no slope, lest a gradient that
 * is missing goes unnoticed.
 */
function randomly(slope: number, i: number): number {
  const sign = Math.sign(slope) || (i % 2 === 0 ? 1 : -1);
  return sign * (0.5 + ((i * 7919) % 997) / 997);
}

/** The loss, and the experts of each token: those that it was sent to, and those that an auxiliary loss counts. */
async function lossAndRouting(model: ForCausalLM, inputs: CausalLMInputs): Promise<{ loss: number; routing: string }> {
  const sent: Tensor2D[] = [];
  const spies = [...model.namedModules()].flatMap(([, module]) => {
    if (!(module instanceof Experts)) return [];
    const run = module.forward.bind(module);
    return vi.spyOn(module, "forward").mockImplementation((routed) => {
      sent.push(keep(routed.indices.clone()));
      return run(routed);
    });
  });
  const { loss, counted } = tidy(() => {
    const { loss, routerLogits = [] } = model.forward(inputs);
    return { loss: loss!, counted: routerLogits.map((logits, i) => topKIndices(logits, sent[i]!.shape[1]!)) };
  });
  for (const spy of spies) spy.mockRestore();
  const routing = await Promise.all([...sent, ...counted].map((indices) => indices.array()));
  const [value] = await loss.data();
  dispose([loss, ...sent, ...counted]);
  // Which experts, not in what order.
  return { loss: value!, routing: JSON.stringify(routing.map((tokens) => tokens.map((chosen) => chosen.sort()))) };
}
