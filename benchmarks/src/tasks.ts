/** Tasks of every runner: read a prompt, generate tokens. */

/** Length of a prompt and number of tokens to generate greedily after it, whatever they are. */
export interface Task {
  readonly name: string;
  readonly title: string;
  readonly promptTokens: number;
  readonly newTokens: number;
  /** Number of prompts of that length that are continued at once, each by as many tokens. Default: one. */
  readonly rows?: number;
  /**
   * `start`: time from the start of the process to the first new token, without a warm-up. `prefill`: speed of reading
   * the prompt, the first new token included. `decode`: speed of generating the following tokens.
   */
  readonly measures: "start" | "prefill" | "decode";
  /** Whether it runs only once, since its prompt takes long; the tasks before it have warmed up. */
  readonly once?: true;
}

const prefill = (promptTokens: number): Task => ({
  name: `prefill-${promptTokens}`,
  title: `prefill of ${promptTokens.toLocaleString("en-US")} tokens`,
  promptTokens,
  newTokens: 1,
  measures: "prefill",
});

const START: Task = {
  name: "start",
  title: "from process start to the first token after 32",
  promptTokens: 32,
  newTokens: 33,
  measures: "start",
};
const DECODE_EMPTY: Task = {
  name: "decode-empty",
  title: "decode, empty context",
  promptTokens: 1,
  newTokens: 33,
  measures: "decode",
};

/** Several rows take each step together: an expert's weights are read once for all rows that chose it. */
const decodeRows = (rows: number): Task => ({
  name: `decode-${rows}-rows`,
  title: `decode, ${rows} rows after 32 tokens each`,
  promptTokens: 32,
  newTokens: 33,
  rows,
  measures: "decode",
});

/** Decoding only. */
export const DECODE_TASKS: readonly Task[] = [{ ...DECODE_EMPTY, newTokens: 17 }];

/** For the sample model, whose context is 1,024. */
export const SHORT_TASKS: readonly Task[] = [
  START,
  prefill(32),
  prefill(512),
  DECODE_EMPTY,
  { name: "decode-512", title: "decode after 512 tokens", promptTokens: 512, newTokens: 33, measures: "decode" },
];

/** For shapes of large models. */
export const LONG_TASKS: readonly Task[] = [
  START,
  prefill(32),
  prefill(512),
  prefill(2048),
  DECODE_EMPTY,
  decodeRows(4),
  decodeRows(16),
  {
    name: "decode-8192",
    title: "decode after 8,192 tokens",
    promptTokens: 8192,
    newTokens: 33,
    measures: "decode",
    once: true,
  },
];

export const TASKS: readonly Task[] = [
  ...new Map([...SHORT_TASKS, ...LONG_TASKS].map((task) => [task.name, task])).values(),
];

/** Tasks that a process runs one after another. */
export interface Heat {
  readonly name: "start" | "speed";
  readonly title: string;
  readonly tasks: readonly Task[];
}

/** A newly started process is measured alone, with nothing else in memory. */
export function heatsOf(tasks: readonly Task[]): Heat[] {
  const start = tasks.filter(({ measures }) => measures === "start");
  const speed = tasks.filter(({ measures }) => measures !== "start");
  const heats: Heat[] = [
    { name: "start", title: "32 tokens read, 33 written", tasks: start },
    { name: "speed", title: "all tasks after each other", tasks: speed },
  ];
  return heats.filter((heat) => heat.tasks.length > 0);
}

/** Returns the same prompt for every runner: ids spread over the vocabulary, so that tokens are routed to all experts. */
export function promptOf({ promptTokens }: Pick<Task, "promptTokens">, vocabSize: number, begin = 0): number[] {
  return Array.from({ length: promptTokens }, (_, i) => (Math.imul(begin + i + 1, 2_654_435_761) >>> 0) % vocabSize);
}

/** Returns one prompt for each row, all different. */
export function promptsOf(
  { promptTokens, rows = 1 }: Pick<Task, "promptTokens" | "rows">,
  vocabSize: number,
): number[][] {
  return Array.from({ length: rows }, (_, row) => promptOf({ promptTokens }, vocabSize, row * promptTokens));
}
