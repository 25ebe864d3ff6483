import { readdirSync } from "node:fs";
import { MixtapeError, parseJson } from "@mixtape/errors";
import { quantizedSource } from "@mixtape/quantization";
import { openSafetensors, readJsonFile } from "@mixtape/safetensors";
import { joined } from "../mutate-bytes.js";
import { mutateJson } from "../mutate-json.js";
import { fileOf } from "../safetensors-file.js";
import { asBytes, bytesOf, type Files, type Target } from "../target.js";
import { headerOf } from "./safetensors.js";

const FOLDER = "packages/quantization/test/__fixtures__";

/** Quantised weights of all methods, with a mutated config or a mutated header: other dtypes, shapes and names. */
export const quantized: Target = {
  name: "quantised weights",
  async prepare() {
    const names = readdirSync(new URL(`../../../../${FOLDER}/`, import.meta.url));
    const fixtures = names
      .filter((name) => name.endsWith(".safetensors"))
      .map((name) => fixtureOf(bytesOf(`${FOLDER}/${name}`)));
    return {
      make(random): Files {
        const { config, header, data } = random.pick(fixtures);
        const changesConfig = random.chance(0.5);
        return new Map<string, string | Uint8Array>([
          ["quantization.json", changesConfig ? mutateJson(config, random) : config],
          ["model.safetensors", fileOf(changesConfig ? header : mutateJson(header, random), data)],
        ]);
      },
      async read(files) {
        const all = asBytes(files);
        const { json, where } = await readJsonFile(all, "quantization.json", MixtapeError);
        const source = await quantizedSource(await openSafetensors(all.get("model.safetensors")!), {
          json: json!,
          where,
        });
        try {
          for (const name of source.names) {
            const view = source.tensor(name);
            await view.read();
            if (view.quantized && view.shape[0]! > 1) await view.slice(0, 1).read();
          }
        } finally {
          await source.close();
        }
      },
    };
  },
};

interface Entry {
  readonly data_offsets: readonly [number, number];
  readonly quantization_config?: string;
}

/** Returns the config and the tensors of a fixture, without those that it decodes to. */
function fixtureOf(bytes: Uint8Array): { config: string; header: string; data: Uint8Array } {
  const { text, data } = headerOf(bytes);
  const { __metadata__: metadata, ...entries } = parseJson(text) as Record<string, Entry>;
  const parts: Uint8Array[] = [];
  let at = 0;
  const own = Object.entries(entries)
    .filter(([name]) => !name.startsWith("expected "))
    .sort(([, a], [, b]) => a.data_offsets[0] - b.data_offsets[0])
    .map(([name, entry]) => {
      const part = data.subarray(...entry.data_offsets);
      parts.push(part);
      at += part.length;
      return [name, { ...entry, data_offsets: [at - part.length, at] }] as const;
    });
  return {
    config: metadata!.quantization_config!,
    header: JSON.stringify(Object.fromEntries(own)),
    data: joined(...parts),
  };
}
