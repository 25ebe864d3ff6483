/** The package of the engine `native`. */
export type Native = typeof import("@mixtape/native");

/** A loaded tfjs-node package. Loading it registers its backend, `tensorflow`. */
export interface TfjsNode {
  /** `@tensorflow/tfjs-node-gpu` or `@tensorflow/tfjs-node`. */
  readonly name: string;
  readonly version: string;
}
