/** A chat template, parsed once and rendered any number of times, as in Jinja2 3.1's immutable sandbox. */

import type { Statement } from "./ast.js";
import { Budget } from "./budget.js";
import { type Block, check } from "./check.js";
import { InputReader } from "./from-js.js";
import { Interpreter, type Span } from "./interpreter.js";
import type { Piece } from "./output.js";
import { parse } from "./parser.js";
import { BudgetError, TemplateError } from "./template-error.js";
import { Dict, type Value } from "./values.js";

/** Maximum length of a template, in UTF-16 code units. The longest real ones have 30,000. */
const MAX_LENGTH = 2 ** 20;

export interface Rendering {
  readonly text: string;
  /** Spans of `{% generation %}` blocks. */
  readonly generations: readonly Span[];
  /** The text in pieces, each with its message. */
  readonly pieces: readonly Piece[];
  /** The messages, as the template saw them. */
  readonly messages: readonly Value[];
}

export class Template {
  readonly #body: readonly Statement[];
  readonly #blocks: ReadonlyMap<string, Block>;
  /** Whether the template marks the text that the assistant generates. */
  readonly hasGenerations: boolean;

  /** @throws {TemplateError} if the text is not a template */
  constructor(text: string) {
    if (text.length > MAX_LENGTH) throw new BudgetError(`it has more than ${MAX_LENGTH} characters`);
    const body = guardStack(() => parse(text));
    this.#body = body;
    this.#blocks = guardStack(() => check(body));
    // The pattern by which transformers finds them.
    this.hasGenerations = /\{%-?\s*generation\s*-?%\}/.test(text);
  }

  /** @throws {TemplateError} if the template fails, or exceeds its budget */
  render(variables: Readonly<{ [name: string]: unknown }>, now: () => Date): Rendering {
    return guardStack(() => {
      const reader = new InputReader();
      const values = Object.entries(variables).map(([name, value]): [string, Value] => [
        name,
        reader.read(value, name),
      ]);
      const budget = new Budget(reader.size);
      const messages = values.find(([name]) => name === "messages")?.[1];
      const interpreter = new Interpreter(values, { budget, now });
      const list = Array.isArray(messages) ? messages : [];
      interpreter.messages = new Set(list.filter((message) => message instanceof Dict));
      interpreter.render(this.#body, this.#blocks);
      const { output, generations } = interpreter;
      return { text: output.toString(), generations, pieces: output.pieces, messages: list };
    });
  }
}

/** Runs code that may overflow the stack; that is an error of the template, not of the process. */
function guardStack<T>(run: () => T): T {
  try {
    return run();
  } catch (error) {
    if (error instanceof TemplateError) throw error;
    if (error instanceof RangeError) throw new BudgetError("it nests too deeply, or builds values that are too large");
    throw error;
  }
}
