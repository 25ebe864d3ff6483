import { noGrad, takeAlongAxis } from "@mixtape/ops";
import {
  concat,
  fill,
  greater,
  greaterEqual,
  logicalAnd,
  maximum,
  scalar,
  slice,
  type Tensor2D,
  tensor2d,
  tile,
  where,
} from "@tensorflow/tfjs-core";
import { LayersError } from "../errors.js";
import type { RoutingConstraint } from "./routing.js";

/**
 * Selection score of an expert that must not be selected: lower than any score, and finite, so that 0 times it is 0.
 */
export const NOT_SELECTABLE = -1e30;

/**
 * Selects experts within a constraint.
 * @param scores `[T, E]`, the selection scores
 * @param select selects among scores, int32 `[T, K]`
 * @returns int32 `[T, K]`; a token with too few available experts has unused slots
 * @throws {LayersError} for experts that the router does not have, and more forced ones than slots.
 */
export function selectWithin(
  { indices, ban = [], force = [] }: RoutingConstraint,
  scores: Tensor2D,
  select: (scores: Tensor2D) => Tensor2D,
): Tensor2D {
  const [t, e] = scores.shape;
  if (indices) return replayed(indices, t, e);
  const blocked = new Set([...ban, ...force]);
  for (const expert of blocked) checkExpert(expert, e);
  const both = force.find((expert) => ban.includes(expert));
  if (both !== undefined) throw fault("experts that are banned or forced", `expert ${both}, which is both`);
  return noGrad(() => {
    const open = tensor2d(
      Uint8Array.from({ length: e }, (_, expert) => (blocked.has(expert) ? 0 : 1)),
      [1, e],
      "bool",
    );
    const allowed = where(tile(open, [t, 1]), scores, fill([t, e], NOT_SELECTABLE)) as Tensor2D;
    const own = select(allowed);
    const found = takeAlongAxis(allowed, maximum(own, scalar(0, "int32")));
    const isUsed = logicalAnd(greaterEqual(own, 0), greater(found, NOT_SELECTABLE / 2));
    const rest = where(isUsed, own, fill(own.shape, -1, "int32")) as Tensor2D;
    if (force.length === 0) return rest;
    const k = own.shape[1];
    if (force.length > k) throw fault(`at most ${k} forced experts, as many as a token has slots`, `${force.length}`);
    const first = tile(tensor2d([...force], [1, force.length], "int32"), [t, 1]);
    return force.length === k ? first : concat([first, slice(rest, [0, 0], [-1, k - force.length])], 1);
  });
}

function replayed({ values, slots }: NonNullable<RoutingConstraint["indices"]>, t: number, e: number): Tensor2D {
  if (values.length !== t * slots)
    throw fault(`${t} tokens with ${slots} slots, those of the forward pass`, `${values.length} indices`);
  for (const expert of values) if (expert !== -1) checkExpert(expert, e);
  return tensor2d(values, [t, slots], "int32");
}

function checkExpert(expert: number, experts: number): void {
  if (Number.isInteger(expert) && expert >= 0 && expert < experts) return;
  throw fault(`experts from 0 to ${experts - 1}`, `${expert}`);
}

function fault(expected: string, got: string): LayersError {
  return new LayersError({ where: "routing constraint", expected, got });
}
