import { dispose, keep, type Tensor2D } from "@tensorflow/tfjs-core";
import { LayersError } from "../errors.js";
import type { TokenMask } from "../moe/token-mask.js";
import { tokenMaskOf } from "./captured-routing.js";
import type { CapturedRouting, TokenRouter } from "./routing.js";
import type { RoutingObserver } from "./routing-observer.js";

/** Experts of each token of one sequence, without padding. The layout is that of vLLM's `routed_experts`. */
export interface RoutingTrace {
  /** Number of tokens processed by the model. */
  readonly tokens: number;
  /** Number of decoder layers. */
  readonly layers: number;
  /** K, the largest number of slots of a layer. */
  readonly slots: number;
  /** `[tokens, layers, K]`: −1 in an unused slot, and in a layer without experts. */
  readonly indices: Int16Array;
}

/** Records the experts of each token, over any number of forward passes of one batch. Dispose it. */
export class RoutingRecorder implements RoutingObserver {
  readonly #passes: { layer: number; indices: Tensor2D; rows: number; tokenMask: TokenMask | null }[] = [];

  observe(routing: CapturedRouting): void {
    const { layer, rows, indices } = routing;
    this.#passes.push({ layer, rows, indices: keep(indices.clone()), tokenMask: tokenMaskOf(routing) });
  }

  /**
   * Returns the recorded traces, one for each row of the batch.
   * @param layers number of decoder layers of the model
   * @throws {LayersError} if passes differ in their number of rows, or a layer has several routers.
   */
  async read(layers: number): Promise<RoutingTrace[]> {
    const rows = this.#passes[0]?.rows ?? 0;
    const byRow = Array.from({ length: rows }, () => Array.from({ length: layers }, () => [] as number[][]));
    for (const { layer, indices, rows: own, tokenMask } of this.#passes) {
      if (own !== rows) throw fault("passes of one batch", `${own} rows after ${rows}`);
      if (layer >= layers) throw fault(`layers below ${layers}`, `layer ${layer}`);
      const values = await indices.data<"int32">();
      const [tokens, slots] = indices.shape;
      const length = tokens / rows;
      for (let t = 0; t < tokens; t++)
        if (tokenMask?.values[t] !== 0)
          byRow[Math.floor(t / length)]![layer]!.push([...values.subarray(t * slots, (t + 1) * slots)]);
    }
    return byRow.map((row) => traceOf(row, layers));
  }

  /** Frees the records. */
  dispose(): void {
    dispose(this.#passes.map(({ indices }) => indices));
    this.#passes.length = 0;
  }
}

/**
 * Routes tokens to the experts of a trace, one trace for each row of the batch, instead of the router's selection;
 * their weights are the router's own. Each pass continues where the previous one ended, as in generation.
 * @throws {LayersError} in a forward pass with another number of rows, or more tokens than the trace has.
 */
export function replayRouting(traces: readonly RoutingTrace[]): RoutingObserver {
  const read = new Map<TokenRouter, number[]>();
  return {
    constrain({ layer, router, rows, tokens, tokenMask }) {
      if (rows !== traces.length) throw fault(`${traces.length} rows, as in the trace`, `${rows}`);
      const from = read.get(router) ?? new Array<number>(rows).fill(0);
      read.set(router, from);
      const slots = Math.max(1, ...traces.map((trace) => trace.slots));
      const values = new Int32Array(tokens * slots).fill(-1);
      for (let t = 0; t < tokens; t++) {
        if (tokenMask?.values[t] === 0) continue;
        const row = Math.floor(t / (tokens / rows));
        const trace = traces[row]!;
        const at = from[row]!++;
        if (at >= trace.tokens || layer >= trace.layers)
          throw fault(`at most ${trace.tokens} tokens and ${trace.layers} layers, as in the trace`, `more`);
        const first = (at * trace.layers + layer) * trace.slots;
        values.set(trace.indices.subarray(first, first + trace.slots), t * slots);
      }
      return { indices: { values, slots } };
    },
  };
}

/** @param byLayer the experts of each token, in each layer; none in layers without a router */
function traceOf(byLayer: readonly (readonly (readonly number[])[])[], layers: number): RoutingTrace {
  const tokens = Math.max(...byLayer.map((own) => own.length));
  const slots = Math.max(...byLayer.flat().map((own) => own.length));
  const indices = new Int16Array(tokens * layers * slots).fill(-1);
  for (const [layer, own] of byLayer.entries()) {
    if (own.length !== 0 && own.length !== tokens)
      throw fault("one router in each layer", `${own.length} routings of ${tokens} tokens in layer ${layer}`);
    for (const [token, experts] of own.entries()) indices.set(experts, (token * layers + layer) * slots);
  }
  return { tokens, layers, slots, indices };
}

function fault(expected: string, got: string): LayersError {
  return new LayersError({ where: "routing trace", expected, got });
}
