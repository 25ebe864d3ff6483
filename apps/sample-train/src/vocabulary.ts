/** Tokens of the tokenizer without an embedding in the model. */

import { InputError, note, plural } from "@mixtape/command-line";
import { type ForCausalLM, resizeTokenEmbeddings, type Tokenizer } from "@mixtape/mixtape";
import type { Texts } from "./plan.js";
import type { TrainingArguments } from "./training-arguments.js";

/**
 * Resizes the model's embedding to the tokenizer, if requested.
 * @returns the settings, in which an adapter may now train the embedding and the head too
 * @throws {InputError} if texts have tokens without an embedding, and resizing was not requested
 */
export async function fitVocabulary(
  model: ForCausalLM,
  { vocabSize }: Tokenizer,
  args: TrainingArguments,
  texts: Texts,
): Promise<TrainingArguments> {
  const rows = model.config.vocabSize;
  if (!args.resizeEmbeddings) {
    for (const [path, examples] of texts.byPath)
      for (const [i, { inputIds }] of examples.entries()) {
        const id = inputIds.find((one) => one >= rows);
        if (id !== undefined)
          throw new InputError({
            where: `${path}: text ${i + 1}`,
            expected: `tokens that the model has an embedding for, up to ${rows - 1}`,
            got: `${id}`,
            fix: "The tokenizer has more tokens than the model: --resize-embeddings adds rows for them, and trains them",
          });
      }
    return args;
  }
  if (vocabSize > rows) {
    await resizeTokenEmbeddings(model, vocabSize, { seed: args.seed });
    note(`the embedding has ${plural(vocabSize - rows, "new row")}, ${vocabSize} in all`);
  }
  const isTied = model.lmHead === null;
  const copies = { modulesToSave: isTied ? ["embed_tokens"] : ["embed_tokens", "lm_head"], ensureWeightTying: isTied };
  const jobs = args.jobs.map((job) => {
    const { adapter } = job;
    return adapter?.method === "lora" ? { ...job, adapter: { ...adapter, ...copies } } : job;
  });
  return { ...args, jobs };
}
