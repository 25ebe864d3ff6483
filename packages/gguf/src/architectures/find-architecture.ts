import { safeName } from "@mixtape/errors";
import { GgufUnsupportedError } from "../errors.js";
import type { Metadata } from "../header/metadata.js";
import { afmoe } from "./afmoe.js";
import type { Architecture } from "./architecture.js";
import { llama } from "./llama.js";
import { qwen2Moe } from "./qwen2-moe.js";
import { qwen3Moe } from "./qwen3-moe.js";

const ARCHITECTURES: readonly Architecture[] = [qwen3Moe, llama, afmoe, qwen2Moe];

/** @throws {GgufUnsupportedError} for an architecture that is not supported, listing those that are */
export function findArchitecture(metadata: Metadata): Architecture {
  const name = metadata.string("general.architecture");
  const found = ARCHITECTURES.find((one) => one.name === name);
  if (found) return found;
  throw new GgufUnsupportedError({
    where: `${metadata.where}: general.architecture`,
    expected: "qwen3moe, llama with experts (Mixtral), afmoe or qwen2moe",
    got: name === undefined ? "none" : safeName(JSON.stringify(name)),
    fix: "Use a Mixture-of-Experts model of one of these; of other models, the Hugging Face checkpoint may be supported",
  });
}
