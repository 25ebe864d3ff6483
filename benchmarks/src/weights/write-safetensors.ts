import { writeCheckpoint } from "@mixtape/safetensors";
import { namesOf, type RandomModel, valuesOf } from "./model.js";
import { asFloat32 } from "./values.js";

/** Writes a model as a Hugging Face checkpoint: `config.json` and safetensors. */
export async function writeSafetensors(
  folder: string,
  { config, weights }: RandomModel,
  progress: (bytes: number) => void,
): Promise<void> {
  const tensors = weights.flatMap((weight) =>
    namesOf(weight).map((name) => ({
      name,
      dtype: weight.stored === "bias" ? ("F32" as const) : ("BF16" as const),
      shape: weight.shape,
      bytes: () => {
        const values = valuesOf(weight, name);
        const bytes = weight.stored === "bias" ? asFloat32(values) : values;
        progress(bytes.length);
        return bytes;
      },
    })),
  );
  await writeCheckpoint(folder, tensors, { files: { "config.json": `${JSON.stringify(config, null, 2)}\n` } });
}
