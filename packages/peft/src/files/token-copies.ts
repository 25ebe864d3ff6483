import type { PreTrainedModel } from "@mixtape/decoder";
import type { LoraConfig } from "../config/adapter-config.js";
import { AdapterError } from "../errors.js";
import { type CopiedParam, copyOf } from "../layers/copied-param.js";
import { isTable, type ModelParam, modelParams } from "../targets/model-params.js";
import { hasTiedHead, type TargetModule } from "../targets/target-module.js";

const WHERE = "trainable_token_indices";

/**
 * Copies of the embedding, of the head, or of both, in which rows of some tokens are those of the file: `trainable_token_indices` of
 * Hugging Face peft. In a model that ties the two, the head has the rows of the embedding unless it has other ones.
 * @throws {AdapterError} where they are rows of something else, or not in the table
 */
export function tokenCopies(
  model: PreTrainedModel,
  targets: readonly TargetModule[],
  config: LoraConfig,
): CopiedParam[] {
  const { trainableTokenIndices: given, ensureWeightTying } = config;
  if (given === undefined) return [];
  const isList = (tokens: typeof given): tokens is readonly number[] => Array.isArray(tokens);
  const byModule = isList(given) ? { embed_tokens: given } : given;
  const tables = modelParams(model, targets).filter(isTable);
  const copies: CopiedParam[] = Object.entries(byModule).map(([module, rows]) => {
    const table = tables.find(({ name }) => name.replace(/\.weight$/, "").endsWith(module));
    if (!table)
      throw new AdapterError({
        where: WHERE,
        expected: "embed_tokens or lm_head",
        got: JSON.stringify(module),
        fix: "Merge the adapter in Hugging Face peft (merge_and_unload), and load the model that it saves",
      });
    checkRows(rows, table);
    return copyOf(table, { isTrained: false, file: fileOf(table), rows });
  });
  const [embedding, head] = ["embedding", "head"].map((kind) => copies.find(({ target }) => target?.kind === kind));
  if (!hasTiedHead(model) || !embedding) return copies;
  const isOther = head && head.rows!.join() !== embedding.rows!.join();
  if (isOther && !ensureWeightTying) return copies;
  const tied = tables.find(({ target }) => target?.kind === "head")!;
  return [embedding, copyOf(tied, { isTrained: false, file: null, rows: embedding.rows }, embedding.copy)];
}

function fileOf({ name }: ModelParam): string {
  return name.replace(/\.weight$/, ".token_adapter.trainable_tokens_delta");
}

function checkRows(rows: readonly number[], { name, param }: ModelParam): void {
  const [count] = param.shape;
  const outside = rows.find((row) => row >= count!);
  if (outside === undefined && new Set(rows).size === rows.length) return;
  throw new AdapterError({
    where: WHERE,
    expected: `different rows of ${name}, from 0 to ${count! - 1}`,
    got: outside === undefined ? "one twice" : `${outside}`,
    fix: "The adapter belongs to a model with another vocabulary",
  });
}
