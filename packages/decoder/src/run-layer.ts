import type { KVCache } from "@mixtape/layers";
import { checkpoint, type RotaryTables } from "@mixtape/ops";
import { type Tensor, type Tensor2D, type Tensor3D, type Tensor4D, tidy } from "@tensorflow/tfjs-core";
import type { DecoderLayer } from "./decoder-layer.js";
import { LayerMasks, type Visible } from "./layer-masks.js";

/** What is wanted of a forward pass besides the last hidden state. */
export interface Wanted {
  readonly hiddenStates: boolean;
  readonly attentions: boolean;
  readonly routerLogits: boolean;
  readonly expertIndices: boolean;
}

export const NOTHING: Wanted = { hiddenStates: false, attentions: false, routerLogits: false, expertIndices: false };

/** What a layer gives, and what was seen of it on the way. */
export interface LayerOutput {
  readonly x: Tensor3D;
  readonly attentions: readonly Tensor4D[];
  readonly routerLogits: readonly Tensor2D[];
  readonly expertIndices: readonly Tensor2D[];
}

/** What a layer is run with. */
export interface LayerInputs {
  readonly rope: RotaryTables;
  readonly masks: LayerMasks;
  /** How many slots it attends to. */
  readonly keys: number;
  readonly window: number | null;
  readonly cache: KVCache | undefined;
}

/** Runs a layer; of the tensors that it makes, what it gives and what is wanted are left. */
export function runLayer(
  layer: DecoderLayer,
  x: Tensor3D,
  { rope, masks, keys, window, cache }: LayerInputs,
  wanted: Wanted,
): LayerOutput {
  return tidy(() => {
    const attentions: Tensor4D[] = [];
    const routerLogits: Tensor2D[] = [];
    const expertIndices: Tensor2D[] = [];
    const onProbabilities = wanted.attentions ? (p: Tensor4D) => attentions.push(p) : undefined;
    const onRouting = (logits: Tensor2D, indices: Tensor2D) => {
      if (wanted.routerLogits) routerLogits.push(logits);
      if (wanted.expertIndices) expertIndices.push(indices);
    };
    const onRouterLogits = wanted.routerLogits || wanted.expertIndices ? onRouting : undefined;
    const mask = masks.of(keys, window);
    const context = { rope, mask, cache, onProbabilities, onRouterLogits };
    const forward = (input: Tensor3D): Tensor3D => layer.forward(input, context);
    const output = layer.around ? layer.around(x, context, forward) : forward(x);
    return { x: output, attentions, routerLogits, expertIndices };
  });
}

/**
 * The same, but of the tensors in between none is kept for the way back, where the layer runs again. Attention probabilities
 * are not to be had.
 */
export function runLayerCheckpointed(
  layer: DecoderLayer,
  x: Tensor3D,
  { rope, window, visible }: Pick<LayerInputs, "rope" | "window"> & { readonly visible: Visible },
  wanted: Wanted,
): LayerOutput {
  const l = x.shape[1];
  let routed = 0;
  const run = ([input, cos, sin]: readonly Tensor[]): Tensor[] => {
    // Its own masks: those of the forward pass are gone on the way back.
    const masks = new LayerMasks(l, visible);
    try {
      const again = { cos, sin } as RotaryTables;
      const context = { rope: again, masks, keys: l, window, cache: undefined };
      const made = runLayer(layer, input as Tensor3D, context, { ...wanted, attentions: false });
      routed = made.routerLogits.length;
      return [made.x, ...made.routerLogits, ...made.expertIndices];
    } finally {
      masks.dispose();
    }
  };
  const [output, ...seen] = checkpoint(run, [x, rope.cos, rope.sin]) as [Tensor3D, ...Tensor2D[]];
  return { x: output, attentions: [], routerLogits: seen.slice(0, routed), expertIndices: seen.slice(routed) };
}
