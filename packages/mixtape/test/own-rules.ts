/** The rules of `tools/reference/golden_generation.py`, as processors, stopping criteria and a sampler of one's own. */

import type { LogitsProcessor, PerRow, Sampler, StoppingCriterion } from "../src/index.js";

const EOS = [14, 25];

const banned: LogitsProcessor = {
  name: "banned",
  process(logits, { ids }) {
    if (ids.at(-1)! % 2 === 0) for (let id = 0; id < logits.length; id += 3) logits[id] = -Infinity;
  },
};

/** With state of its own for each row, rather than looking through the ids at each step. */
const once: PerRow<LogitsProcessor> = {
  name: "once",
  forRow: () => {
    const written: number[] = [];
    return {
      name: "once",
      process(logits, { ids, promptLength }) {
        if (ids.length > promptLength) written.push(ids.at(-1)!);
        for (const id of written) logits[id] = -Infinity;
      },
    };
  },
};

const notBefore: LogitsProcessor = {
  name: "not-before",
  process(logits, { row, ids, promptLength }) {
    if (ids.length - promptLength < 6 + row) for (const id of EOS) logits[id] = -Infinity;
  },
};

/** Returns new logits rather than changing those that it gets. */
const favoured: LogitsProcessor = {
  name: "favoured",
  process: (logits) => logits.map((logit, id) => (id % 5 === 0 ? logit + 2 : logit)),
};

const total: PerRow<StoppingCriterion> = {
  name: "total",
  forRow: ({ row }) => {
    let sum = 0;
    return {
      name: "total",
      stop({ ids }) {
        sum += ids.at(-1)!;
        return sum >= 400 * (row + 1);
      },
    };
  },
};

const repeated: StoppingCriterion = {
  name: "repeated",
  stop: ({ ids }) => ids.indexOf(ids.at(-1)!) < ids.length - 1,
};

const processors = [banned, once, notBefore, favoured];
const criteria = [total, repeated];

/** Finds processors by the names of the script. */
export function ownProcessors(names: readonly string[]): (LogitsProcessor | PerRow<LogitsProcessor>)[] {
  return names.map((name) => processors.find((one) => one.name === name)!);
}

/** Finds stopping criteria by the names of the script. */
export function ownCriteria(names: readonly string[]): (StoppingCriterion | PerRow<StoppingCriterion>)[] {
  return names.map((name) => criteria.find((one) => one.name === name)!);
}

/** Chooses given tokens, which another program sampled. */
export function replay(rows: readonly (readonly number[])[]): PerRow<Sampler> {
  return {
    name: "replay",
    forRow: ({ row }) => ({
      name: "replay",
      sample: (_, __, { ids, promptLength }) => rows[row]![ids.length - promptLength]!,
    }),
  };
}
