/** What is asked of every runner: read a prompt, write tokens. */

/** A prompt's length and how many tokens to write after it, greedily, whatever they are. */
export interface Task {
  readonly name: string;
  readonly title: string;
  readonly promptTokens: number;
  readonly newTokens: number;
  /** The first new token ends the prefill; those after it are decoded. */
  readonly measures: "prefill" | "decode";
}

const prefill = (promptTokens: number): Task => ({
  name: `prefill-${promptTokens}`,
  title: `prefill of ${promptTokens} tokens`,
  promptTokens,
  newTokens: 1,
  measures: "prefill",
});

export const TASKS: readonly Task[] = [
  prefill(32),
  prefill(128),
  prefill(512),
  { name: "decode-empty", title: "decode, empty context", promptTokens: 1, newTokens: 33, measures: "decode" },
  { name: "decode-512", title: "decode after 512 tokens", promptTokens: 512, newTokens: 33, measures: "decode" },
];

/** The same prompt for every runner: ids that jump about the vocabulary, so that tokens are routed to all experts. */
export function promptOf({ promptTokens }: Pick<Task, "promptTokens">, vocabSize: number): number[] {
  return Array.from({ length: promptTokens }, (_, i) => (Math.imul(i + 1, 2_654_435_761) >>> 0) % vocabSize);
}
