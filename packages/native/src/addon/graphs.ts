import type { NativeCapturedGraph } from "./handles.js";

/** Graphs of captured calls. */
export interface GraphFunctions {
  /** Creates a graph: call i is of the function `names[i]`, one that can be captured, with the arguments `lists[i]`. */
  createGraph(names: string[], lists: (readonly unknown[])[]): NativeCapturedGraph;
  /** Replays all calls in turn. `made` receives the number of calls made, also if one fails. */
  replayGraph(graph: NativeCapturedGraph, made: Int32Array): void;
  /** Replays all calls in turn on another thread. Resolves to true once they are made, to false where the run was cancelled. */
  runGraph(graph: NativeCapturedGraph): Promise<boolean>;
  /** Ends a run within milliseconds, if there is one. */
  cancelGraph(graph: NativeCapturedGraph): void;
}
