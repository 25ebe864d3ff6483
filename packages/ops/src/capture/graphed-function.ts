import { engine, env, type Tensor, tidy } from "@tensorflow/tfjs-core";
import { wantsSideOutputs } from "../autodiff/intermediates.js";
import { isRecording } from "../autodiff/op.js";
import { engineTraits } from "../engines/engines.js";
import type { RecordedStep, Step, StepRecorder } from "../engines/graph-capture.js";
import { isNoting } from "./host-callback.js";

/** How often a step is recorded in vain before it is run as it is from then on. */
const MOST_ATTEMPTS = 4;

/**
 * A step that is taken again and again with inputs of the same shapes, as decoding does. Its JavaScript costs as much as a fifth
 * of a decode step, since between two kernels the weights have run through all caches.
 *
 * Where the engine in use can record, the step is recorded until two recordings in a row are the same, and from then on
 * repeated: JavaScript asks for the same kernels, but no longer runs what decided on them. So the step may depend on nothing
 * but its inputs and what kernels and {@link effect}s change; whatever else changes, make a new one. A step that looks at
 * numbers on the way is never repeated, and runs as it is.
 */
export class RepeatedStep {
  readonly #step: Step;
  #recorder: StepRecorder | undefined;
  #recorded: RecordedStep | undefined;
  #shapes = "";
  #isSettled = false;
  #attempts = 0;
  #obstacle: string | null = null;

  constructor(step: Step) {
    this.#step = step;
  }

  /** Whether the next step of the same shapes is a repetition. */
  get isSettled(): boolean {
    return this.#isSettled;
  }

  /** Why the last step could not be repeated; null where it can be, or where that is not known yet. */
  get obstacle(): string | null {
    return this.#obstacle;
  }

  /** Takes the step. @returns a new tensor, inside `tf.tidy` its */
  run(inputs: readonly Tensor[]): Tensor {
    const recorder = engineTraits().recorder;
    const shapes = inputs.map(({ dtype, shape }) => `${dtype} ${shape}`).join();
    if (recorder !== this.#recorder || shapes !== this.#shapes) this.#forget(recorder, shapes);
    if (!recorder || isWatched()) return tidy(() => this.#step(inputs));
    if (this.#isSettled) return this.#recorded!.repeat(inputs);
    if (this.#attempts >= MOST_ATTEMPTS) return tidy(() => this.#step(inputs));
    return this.#record(recorder, inputs);
  }

  #record(recorder: StepRecorder, inputs: readonly Tensor[]): Tensor {
    const { output, step } = recorder.record(this.#step, inputs);
    this.#attempts++;
    if (typeof step === "string") {
      this.#obstacle = step;
      this.#recorded = undefined;
    } else {
      this.#isSettled = this.#recorded !== undefined && step.equals(this.#recorded);
      this.#obstacle = this.#recorded && !this.#isSettled ? "it did not do the same twice" : null;
      this.#recorded = step;
    }
    return output;
  }

  #forget(recorder: StepRecorder | undefined, shapes: string): void {
    this.#recorder = recorder;
    this.#shapes = shapes;
    this.#recorded = undefined;
    this.#isSettled = false;
    this.#attempts = 0;
    this.#obstacle = null;
  }
}

/**
 * Whether somebody wants to see what happens on the way: a gradient, those who collect side outputs, a profile, tfjs's own
 * checks, or a recording around this one.
 */
function isWatched(): boolean {
  return isRecording() || wantsSideOutputs() || isNoting() || engine().state.profiling || env().getBool("DEBUG");
}
