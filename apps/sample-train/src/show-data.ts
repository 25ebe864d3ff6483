/** `--show-data`: training texts, with the tokens of the loss marked. */

import { colorsFor, near, note, plural, safeText, whole } from "@mixtape/command-line";
import { loadTokenizer } from "@mixtape/mixtape";
import { type DataTokenizer, type Example, learntParts, truncate } from "@mixtape/training";
import { aboutTruncation } from "./about-truncation.js";
import { readData } from "./data-file.js";
import { type HeadTexts, headTextsOf } from "./head-run.js";
import type { TrainingArguments } from "./training-arguments.js";

/**
 * Prints the first texts of each job's file, split into its rows. No model is loaded and nothing is trained.
 * @param json one object per text instead: `inputIds`, `labels` and `parts`
 */
export async function showData(
  args: TrainingArguments,
  { count, json }: { readonly count: number; readonly json: boolean },
): Promise<void> {
  const { model, jobs, ignoreKeys, chatTemplate } = args;
  const tokenizer = await loadTokenizer(model);
  if (args.task !== "text-generation")
    return showLabelled(await headTextsOf(args, tokenizer), tokenizer, { count, json });
  const shown = new Set<string>();
  for (const { data, maxLength } of jobs) {
    if (shown.has(data)) continue;
    shown.add(data);
    const { examples, warnings } = await readData(data, tokenizer, {
      ignoreKeys,
      chatTemplate: chatTemplate ?? undefined,
    });
    const { rows, truncation } = truncate(examples, maxLength);
    if (json) for (const row of rows.slice(0, count)) process.stdout.write(`${asJson(row, tokenizer)}\n`);
    else process.stdout.write(`${aboutFile(data, examples, rows)}\n\n${asText(rows.slice(0, count), tokenizer)}`);
    for (const warning of warnings) note(warning);
    if (truncation.examples > 0) note(aboutTruncation(truncation, maxLength));
  }
}

/** Prints labelled texts, their labels first. */
function showLabelled(
  { examples, warnings, head }: HeadTexts,
  tokenizer: DataTokenizer,
  { count, json }: { readonly count: number; readonly json: boolean },
): void {
  if (json) for (const row of examples.slice(0, count)) process.stdout.write(`${JSON.stringify(row)}\n`);
  else {
    const names = Object.values(head.config?.id2label ?? {});
    process.stdout.write(
      `${plural(examples.length, "text")}${names.length > 0 ? `; labels ${names.join(", ")}` : ""}\n\n`,
    );
    for (const row of examples.slice(0, count)) {
      const { inputIds, ...labels } = row as { readonly inputIds: readonly number[] };
      process.stdout.write(`${JSON.stringify(labels)}\n${safeText(tokenizer.decode(inputIds))}\n\n`);
    }
  }
  for (const warning of warnings) note(warning);
}

function aboutFile(path: string, examples: readonly Example[], rows: readonly Required<Example>[]): string {
  const tokens = rows.reduce((sum, { inputIds }) => sum + inputIds.length, 0);
  const labelled = rows.reduce((sum, row) => sum + labelledOf(row), 0);
  const legend = isColoured()
    ? style("labelled tokens look like this", true)
    : `labelled tokens are in ${OPEN} ${CLOSE}`;
  const made = rows.length === examples.length ? "" : ` in ${plural(rows.length, "row")}`;
  return `${safeText(near(path))}: ${plural(examples.length, "text")}${made}, ${whole(tokens)} tokens, ${whole(labelled)} of them labelled; ${legend}`;
}

function asText(rows: readonly Required<Example>[], tokenizer: DataTokenizer): string {
  return rows
    .map((row, i) => {
      const body = learntParts(row, tokenizer)
        .map(({ text, isLearnt }) => style(safeText(text), isLearnt))
        .join("");
      return `--- ${i + 1}: ${plural(row.inputIds.length, "token")}, ${whole(labelledOf(row))} labelled\n${body}\n\n`;
    })
    .join("");
}

function asJson(row: Required<Example>, tokenizer: DataTokenizer): string {
  const { inputIds, labels } = row;
  return JSON.stringify({ inputIds, labels, parts: learntParts(row, tokenizer) });
}

function labelledOf({ labels }: Required<Example>): number {
  return labels.filter((label, i) => i > 0 && label !== -100).length;
}

const [OPEN, CLOSE] = ["⟦", "⟧"];

function isColoured(): boolean {
  return colorsFor(process.stdout).bold("x") !== "x";
}

/** Marks a text by colours on a terminal, line by line for pagers; by brackets elsewhere. */
function style(text: string, isLearnt: boolean): string {
  if (!isColoured()) return isLearnt ? `${OPEN}${text}${CLOSE}` : text;
  const colors = colorsFor(process.stdout);
  const paint = isLearnt ? (line: string) => colors.bold(colors.green(line)) : colors.dim;
  return text
    .split("\n")
    .map((line) => (line === "" ? "" : paint(line)))
    .join("\n");
}
