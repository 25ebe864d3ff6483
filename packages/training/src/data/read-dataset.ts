/** Reads files of training texts as token ids and labels. */

import { checkOptions } from "@mixtape/errors";
import type { Example } from "../batch.js";
import { DataError } from "../errors.js";
import { checkArguments } from "./check-arguments.js";
import type { DataTokenizer } from "./data-tokenizer.js";
import { FORMATS_TEXT } from "./dataset-row.js";
import {
  type PreparedExample,
  type PrepareWarning,
  prepareExample,
  saysWhyNothing,
  sentenceOf,
  textExample,
} from "./prepare-example.js";
import type { ByteSource } from "./read-lines.js";
import { rowsOf } from "./rows.js";

/** Options of {@link readDataset}. */
export interface ReadDatasetOptions {
  /** Name of the file: its extension determines the format, `.txt`, `.jsonl` or `.json`. Errors begin with it. */
  readonly name: string;
  /** Keys of rows to ignore. Any other unknown key is an error. */
  readonly ignoreKeys?: readonly string[];
  /** The chat template, its text or its name; a row's own takes precedence. Default: the tokenizer's. */
  readonly chatTemplate?: string;
}

/** Texts of a file. */
export interface Dataset {
  readonly examples: readonly Example[];
  /** Warnings: a sentence for each kind, with the number of affected texts. */
  readonly warnings: readonly string[];
}

/** Maximum number of reasons in the error for a file without loss. */
const MOST_REASONS = 3;

/**
 * Reads a `.txt` file, which is one text; a `.jsonl` file with a row on each line; or a `.json` file with a list of
 * rows. {@link prepareExample} determines which tokens of a row have a loss. Only one line is in memory at a time,
 * besides the ids.
 *
 * @param source the file's bytes: a stream of Node, `blob.stream()`, the body of a response
 * @throws {OptionError} for an unknown option
 * @throws {DataError} naming an invalid line, and for a file without any loss
 */
export async function readDataset(
  source: ByteSource,
  tokenizer: DataTokenizer,
  options: ReadDatasetOptions,
): Promise<Dataset> {
  checkOptions("readDataset", options, { name: true, ignoreKeys: true, chatTemplate: true });
  checkArguments("readDataset", tokenizer, options);
  const { name, ignoreKeys = [], chatTemplate } = options;
  const warnings = new Warnings();
  const examples: Example[] = [];
  for await (const { where, row } of rowsOf(source, name, FORMATS_TEXT)) {
    const made = row.isText
      ? textExample(row.value, tokenizer)
      : prepareExample(row.value, tokenizer, { where, ignoreKeys, chatTemplate });
    const { warnings: own, ...example } = made;
    warnings.add(own, where);
    examples.push(example);
  }
  if (examples.length === 0) throw new DataError({ where: name, expected: "texts to train on", got: "an empty file" });
  if (!examples.some(({ labels }) => labels?.some((label, i) => i > 0 && label !== -100)))
    throw new DataError({
      where: name,
      expected: "a text of at least two tokens with a label other than -100",
      got: "none: all labels are -100",
      fix: [
        ...warnings.sentences(saysWhyNothing).slice(0, MOST_REASONS),
        "Completions and assistant messages are labelled; prompts are not",
      ].join(". "),
    });
  return { examples, warnings: warnings.sentences() };
}

/** Counts the texts of each warning, and keeps the first of them. */
class Warnings {
  readonly #found = new Map<PrepareWarning, { count: number; readonly first: string }>();

  add(warnings: PreparedExample["warnings"], where: string): void {
    for (const warning of warnings) {
      const known = this.#found.get(warning);
      if (known) known.count++;
      else this.#found.set(warning, { count: 1, first: where });
    }
  }

  sentences(isOne: (warning: PrepareWarning) => boolean = () => true): string[] {
    const found = [...this.#found].filter(([warning]) => isOne(warning));
    return found.map(
      ([warning, { count, first }]) =>
        `${count === 1 ? first : `${first} and ${count - 1} more`}: ${sentenceOf(warning)}`,
    );
  }
}
