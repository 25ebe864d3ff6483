/** Messages between the page and its worker. */

import type { Engine, EngineName, FinishReason } from "@mixtape/mixtape";

/** Requests of the page. */
export type Request =
  | {
      readonly kind: "load";
      /** The URL of a folder, or the files themselves: the worker reads them directly. */
      readonly source: string | ReadonlyMap<string, File>;
      readonly engine: EngineName | "auto";
    }
  | {
      readonly kind: "write";
      readonly prompt: string;
      readonly maxNewTokens: number;
      /** 0 chooses the most likely token each time. */
      readonly temperature: number;
      readonly seed: number;
    }
  /** Stops the current request. */
  | { readonly kind: "stop" };

/** Replies of the worker. */
export type Reply =
  /** Comes before the weights are read, such as the memory that quantised ones take when they are decoded. */
  | { readonly kind: "warning"; readonly message: string }
  | { readonly kind: "loading"; readonly loadedBytes: number; readonly totalBytes: number }
  | {
      readonly kind: "loaded";
      readonly modelType: string;
      readonly parameters: number;
      readonly engine: string;
      /** Engines that the automatic choice tried before, with reasons. */
      readonly passedOver: Engine["passedOver"];
      readonly seconds: number;
    }
  /** New text, which may be empty while a character is incomplete. */
  | { readonly kind: "text"; readonly text: string; readonly progress: Progress }
  | { readonly kind: "end"; readonly reason: FinishReason; readonly progress: Progress }
  | { readonly kind: "stopped" }
  | { readonly kind: "failed"; readonly message: string };

export interface Progress {
  readonly tokens: number;
  /** Null until there are two tokens: the first includes reading the prompt. */
  readonly tokensPerSecond: number | null;
}
