import { type Tensor, tidy } from "@tensorflow/tfjs-core";
import { engineTraits } from "../engines/engines.js";
import type { CapturedGraph, GraphCapture, TensorFunction } from "../engines/graph-capture.js";
import { isWatched } from "./watched.js";

/** Number of captures without two equal ones in a row after which the function runs as it is. */
const MAX_ATTEMPTS = 4;

/**
 * Captures a function that is called again and again with inputs of the same shapes, such as a decode step, and replays it. The
 * JavaScript of a decode step costs up to a fifth of it, since between two kernels the weights have run through all caches.
 *
 * If the engine in use can capture graphs, each call is captured until two graphs in a row are equal; from then on calls replay that
 * graph: the same kernels, without the JavaScript that decided on them. So the function may depend only on its inputs and on what
 * kernels and {@link hostCallback}s change; make a new one when anything else changes. A function that reads the numbers of a tensor
 * is never replayed, and runs as it is.
 */
export class GraphedFunction {
  readonly #function: TensorFunction;
  #capture: GraphCapture | undefined;
  #graph: CapturedGraph | undefined;
  #shapes = "";
  #isCaptured = false;
  #attempts = 0;
  #graphBreak: string | null = null;

  constructor(f: TensorFunction) {
    this.#function = f;
  }

  /** True if the next call with the same shapes is a replay. */
  get isCaptured(): boolean {
    return this.#isCaptured;
  }

  /** Reason why the last call cannot be replayed; null if it can, or if that is not known yet. */
  get graphBreak(): string | null {
    return this.#graphBreak;
  }

  /** Calls the function, or replays its graph. @returns a new tensor, which belongs to the `tf.tidy` around the call */
  run(inputs: readonly Tensor[]): Tensor {
    const capture = engineTraits().graphCapture;
    const shapes = inputs.map(({ dtype, shape }) => `${dtype} ${shape}`).join();
    if (capture !== this.#capture || shapes !== this.#shapes) this.#forget(capture, shapes);
    if (!capture || isWatched()) return tidy(() => this.#function(inputs));
    if (this.#isCaptured) return this.#graph!.replay(inputs);
    if (this.#attempts >= MAX_ATTEMPTS) return tidy(() => this.#function(inputs));
    return this.#runCaptured(capture, inputs);
  }

  #runCaptured(capture: GraphCapture, inputs: readonly Tensor[]): Tensor {
    const { output, graph } = capture.capture(this.#function, inputs);
    this.#attempts++;
    if (typeof graph === "string") {
      this.#graphBreak = graph;
      this.#graph = undefined;
    } else {
      this.#isCaptured = this.#graph !== undefined && graph.equals(this.#graph);
      this.#graphBreak = this.#graph && !this.#isCaptured ? "it did not do the same twice" : null;
      this.#graph = graph;
    }
    return output;
  }

  #forget(capture: GraphCapture | undefined, shapes: string): void {
    this.#capture = capture;
    this.#shapes = shapes;
    this.#graph = undefined;
    this.#isCaptured = false;
    this.#attempts = 0;
    this.#graphBreak = null;
  }
}
