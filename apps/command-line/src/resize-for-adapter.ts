import { existsSync } from "node:fs";
import { join } from "node:path";
import { type ForCausalLM, resizeTokenEmbeddings } from "@mixtape/mixtape";
import { openCheckpoint } from "@mixtape/safetensors";

const FILE = "adapter_model.safetensors";

/** Resizes a model's embedding to an adapter's: an adapter trained with new tokens has a copy of it. */
export async function resizeForAdapter(model: ForCausalLM, adapter: string): Promise<void> {
  if (!existsSync(join(adapter, FILE))) return;
  const file = await openCheckpoint(adapter, { file: FILE });
  try {
    const name = file.names.find((name) => /(^|\.)embed_tokens\.(modules_to_save\.)?(default\.)?weight$/.test(name));
    const [rows, width] = name === undefined ? [] : file.tensor(name).shape;
    if (rows !== undefined && width === model.config.hiddenSize && rows > model.config.vocabSize)
      await resizeTokenEmbeddings(model, rows);
  } finally {
    await file.close();
  }
}
