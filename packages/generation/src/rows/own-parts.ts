/** Calls code of the user: builds its parts for a row, and turns errors and wrong results into errors that name part and row. */
import { GenerationError } from "../generation-error.js";
import type { LogitsProcessor } from "../processors/logits-processor.js";
import { kindOf } from "../prompts.js";
import type { Sampler } from "../sampling/sampler.js";
import type { StoppingCriterion } from "../stopping/stopping-criterion.js";
import { type PerRow, type RowContext, readOnly } from "./row-context.js";

/** Builds a row's own logits processor, which checks what it makes of the logits. */
export function ownProcessor(part: LogitsProcessor | PerRow<LogitsProcessor>, row: RowContext): LogitsProcessor {
  const where = describe("logits processor", part, row);
  const own = build(where, part, row, "process");
  return {
    name: part.name,
    process(logits, context) {
      const result = call(where, () => own.process(logits, readOnly(context))) ?? logits;
      checkProcessed(where, result, logits.length);
      return result;
    },
  };
}

/** Builds a row's own sampler, which checks that it returns a token of the vocabulary. */
export function ownSampler(part: Sampler | PerRow<Sampler>, row: RowContext): Sampler {
  const where = describe("sampler", part, row);
  const own = build(where, part, row, "sample");
  return {
    name: part.name,
    sample(logits, rng, context) {
      const id: unknown = call(where, () => own.sample(logits, rng, readOnly(context)));
      if (typeof id === "number" && Number.isInteger(id) && id >= 0 && id < logits.length) return id;
      throw new GenerationError({ where, expected: `a token id below ${logits.length}`, got: show(id) });
    },
  };
}

/** Builds a row's own stopping criterion, which checks that it answers true or false. */
export function ownCriterion(part: StoppingCriterion | PerRow<StoppingCriterion>, row: RowContext): StoppingCriterion {
  const where = describe("stopping criterion", part, row);
  const own = build(where, part, row, "stop");
  return {
    name: part.name,
    stop(context) {
      const answer: unknown = call(where, () => own.stop(readOnly(context)));
      if (typeof answer === "boolean") return answer;
      throw new GenerationError({ where, expected: "true or false", got: show(answer) });
    },
  };
}

function describe(kind: string, { name }: { readonly name: string }, { row }: RowContext): string {
  return `${kind} ${JSON.stringify(name)}, row ${row}`;
}

function build<Part extends object>(
  where: string,
  part: Part | PerRow<Part>,
  row: RowContext,
  method: keyof Part & string,
): Part {
  if (!("forRow" in part)) return part;
  const own: unknown = call(where, () => part.forRow(readOnly(row)));
  if (typeof own === "object" && own !== null && typeof (own as Partial<Part>)[method] === "function")
    return own as Part;
  throw new GenerationError({ where, expected: `an object with the method ${method} from forRow`, got: show(own) });
}

/** @throws {GenerationError} with the error of the user's code as its cause */
function call<T>(where: string, code: () => T): T {
  try {
    return code();
  } catch (cause) {
    throw new GenerationError({ where, expected: "a result", got: `the error ${cause}`, cause });
  }
}

function checkProcessed(where: string, logits: unknown, vocabSize: number): void {
  if (!(logits instanceof Float32Array))
    throw new GenerationError({
      where,
      expected: "a Float32Array, or nothing if it changed the logits in place",
      got: show(logits),
      ...(logits instanceof Promise && { fix: "process is called between two tokens: it cannot wait" }),
    });
  if (logits.length !== vocabSize)
    throw new GenerationError({ where, expected: `${vocabSize} logits`, got: `${logits.length}` });
  let largest = -Infinity;
  for (let id = 0; id < logits.length; id++) {
    const logit = logits[id]!;
    if (!(logit < Infinity))
      throw new GenerationError({
        where,
        expected: "numbers, and −∞ to rule out a token",
        got: `${logit} for token ${id}`,
      });
    if (logit > largest) largest = logit;
  }
  if (largest > -Infinity) return;
  throw new GenerationError({ where, expected: "at least one token that can be chosen", got: "−∞ for every token" });
}

function show(value: unknown): string {
  if (value instanceof Promise) return "a Promise";
  return typeof value === "string" ? JSON.stringify(value) : kindOf(value);
}
