/** A process that runs inputs on request: a crash or a hang ends only this process. */

import type { Outcome } from "./outcome.js";
import { outcomeOf } from "./outcome.js";
import type { Reader } from "./target.js";
import { TARGETS } from "./targets/index.js";

/** A range of consecutive inputs. */
export interface Job {
  readonly target: string;
  readonly seed: number;
  readonly from: number;
  readonly count: number;
}

const readers = new Map<string, Reader>();

process.on("message", async ({ target, seed, from, count }: Job) => {
  const reader = readers.get(target) ?? (await prepared(target));
  readers.set(target, reader);
  const outcomes: Outcome[] = [];
  for (let index = from; index < from + count; index++) outcomes.push(await outcomeOf(reader, seed, index));
  process.send!(outcomes);
});

async function prepared(name: string): Promise<Reader> {
  const found = TARGETS.find(([target]) => target.name === name);
  if (found === undefined) throw new Error(`no target ${name}`);
  return found[0].prepare();
}
