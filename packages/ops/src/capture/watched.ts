import { engine, env } from "@tensorflow/tfjs-core";
import { isCapturingIntermediates } from "../autodiff/intermediates.js";
import { isRecording } from "../autodiff/op.js";
import { isDeferring } from "./deferring.js";
import { isCapturingGraph } from "./host-callback.js";

/**
 * Returns whether something observes single operations: a gradient, captured intermediates, a profile, tfjs's checks, an outer capture,
 * a queue.
 */
export function isWatched(): boolean {
  return (
    isRecording() ||
    isCapturingIntermediates() ||
    isCapturingGraph() ||
    isDeferring() ||
    engine().state.profiling ||
    env().getBool("DEBUG")
  );
}
