import {
  type CapturedRouting,
  type LayerCache,
  mapRouting,
  type RoutingObserver,
  type RoutingSite,
  type TokenMask,
} from "@mixtape/layers";
import { gradientCheckpoint, type RotaryTables } from "@mixtape/ops";
import { dispose, keep, type Tensor, type Tensor2D, type Tensor3D, type Tensor4D, tidy } from "@tensorflow/tfjs-core";
import type { DecoderLayer } from "./decoder-layer.js";
import { LayerMasks, type MaskInputs } from "./layer-masks.js";

/** Requested outputs of a forward pass besides the last hidden state. */
export interface OutputFlags {
  readonly hiddenStates: boolean;
  readonly attentions: boolean;
  readonly routerLogits: boolean;
  readonly routings: boolean;
}

export const NO_OUTPUTS: OutputFlags = { hiddenStates: false, attentions: false, routerLogits: false, routings: false };

/** Output of a layer, with captured intermediates. */
export type LayerOutput = {
  readonly x: Tensor3D;
  readonly attentions: readonly Tensor4D[];
  readonly routings: readonly CapturedRouting[];
};

/** Inputs for running a layer. */
export interface LayerInputs {
  readonly rope: RotaryTables;
  readonly masks: LayerMasks;
  readonly cache: LayerCache | undefined;
  /** Index of the layer. */
  readonly index: number;
  readonly tokenMask: TokenMask | null;
  readonly routing: RoutingObserver | undefined;
}

/** Runs a layer; frees all tensors except its output and the requested ones. */
export function runLayer(
  layer: DecoderLayer,
  x: Tensor3D,
  { rope, masks, cache, index, tokenMask, routing }: LayerInputs,
  wanted: OutputFlags,
): LayerOutput {
  return tidy(() => {
    const attentions: Tensor4D[] = [];
    const kept: CapturedRouting[] = [];
    const onProbabilities = wanted.attentions ? (p: Tensor4D) => attentions.push(p) : undefined;
    // Kept until the layer has finished: its own code may be in a tidy.
    const onRouting = (routing: CapturedRouting) => kept.push(mapRouting(routing, (tensor) => keep(tensor.clone())));
    const capture = wanted.routerLogits || wanted.routings ? { onRouting } : {};
    const usesCache = cache !== undefined;
    const context = { rope, masks, cache, onProbabilities, layer: index, tokenMask, usesCache, routing, ...capture };
    const forward = (input: Tensor3D): Tensor3D => layer.forward(input, context);
    try {
      const output = layer.wrapForward ? layer.wrapForward(x, context, forward) : forward(x);
      return { x: output, attentions, routings: kept.map((one) => mapRouting(one, (tensor) => tensor.clone())) };
    } finally {
      dispose(kept);
    }
  });
}

/**
 * Runs a layer with gradient checkpointing: no intermediate is kept for the backward pass, where the layer runs again.
 * Attention probabilities are not available.
 */
export function runLayerCheckpointed(
  layer: DecoderLayer,
  x: Tensor3D,
  {
    rope,
    maskInputs,
    index,
    tokenMask,
    routing,
  }: Pick<LayerInputs, "rope" | "index" | "tokenMask" | "routing"> & { readonly maskInputs: MaskInputs },
  wanted: OutputFlags,
): LayerOutput {
  const l = x.shape[1];
  let captured: readonly CapturedRouting[] = [];
  const steady = routing && steadyObserver(routing);
  const run = ([input, cos, sin]: readonly Tensor[]): Tensor[] => {
    // Own masks: those of the forward pass are freed before the backward pass.
    const masks = new LayerMasks(l, maskInputs);
    try {
      const again = { cos, sin } as RotaryTables;
      const inputs = { rope: again, masks, cache: undefined, index, tokenMask, routing: steady?.next() };
      const made = runLayer(layer, input as Tensor3D, inputs, { ...wanted, attentions: false });
      captured = made.routings;
      return [made.x, ...made.routings.flatMap(({ logits, indices, weights }) => [logits, indices, weights])];
    } finally {
      masks.dispose();
    }
  };
  const [output, ...tensors] = gradientCheckpoint(run, [x, rope.cos, rope.sin]) as [Tensor3D, ...Tensor2D[]];
  const routings = captured.map((routing, i) => {
    const own = tensors.slice(3 * i);
    return mapRouting(routing, () => own.shift()!);
  });
  return { x: output, attentions: [], routings };
}

/** An observer that is called in the first run of a layer only: later runs are constrained as that one was. */
function steadyObserver(observer: RoutingObserver): { next(): RoutingObserver } {
  type Constraint = ReturnType<NonNullable<RoutingObserver["constrain"]>>;
  const first: Constraint[] = [];
  let runs = 0;
  return {
    next() {
      if (runs++ > 0) {
        let at = 0;
        return { constrain: () => first[at++] };
      }
      const constrain = (site: RoutingSite): Constraint => first[first.push(observer.constrain?.(site)) - 1];
      return { constrain, observe: (routing) => observer.observe?.(routing) };
    },
  };
}
