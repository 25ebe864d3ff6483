/** What the page and its worker tell each other. */

import type { Engine, EngineName, FinishReason } from "@mixtape/mixtape";

/** What the page asks of the worker. */
export type Request =
  | {
      readonly kind: "load";
      /** The URL of a folder, or the files themselves: the worker reads them where they lie. */
      readonly source: string | ReadonlyMap<string, File>;
      readonly engine: EngineName | "auto";
    }
  | {
      readonly kind: "write";
      readonly prompt: string;
      readonly maxNewTokens: number;
      /** 0 for the likeliest token each time. */
      readonly temperature: number;
      readonly seed: number;
    }
  /** Ends what is under way. */
  | { readonly kind: "stop" };

/** What the worker answers. */
export type Reply =
  | { readonly kind: "loading"; readonly loadedBytes: number; readonly totalBytes: number }
  | {
      readonly kind: "loaded";
      readonly modelType: string;
      readonly parameters: number;
      readonly engine: string;
      /** The engines that the automatic choice tried before, and why not. */
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
  /** Null until there are two: the first comes with the reading of the prompt. */
  readonly tokensPerSecond: number | null;
}
