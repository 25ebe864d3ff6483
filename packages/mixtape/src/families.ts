import {
  AfmoeForCausalLM,
  AfmoeForQuestionAnswering,
  AfmoeForSequenceClassification,
  AfmoeForTokenClassification,
  AfmoeModel,
} from "@mixtape/afmoe";
import type { DecoderConfig } from "@mixtape/config";
import type { Family, ForCausalLM, ModelClass, PreTrainedModel } from "@mixtape/decoder";
import { DeepseekV3ForCausalLM } from "@mixtape/deepseek-v3";
import type { ErrorDetails } from "@mixtape/errors";
import { GptOssForCausalLM } from "@mixtape/gpt-oss";
import {
  MixtralForCausalLM,
  MixtralForQuestionAnswering,
  MixtralForSequenceClassification,
  MixtralForTokenClassification,
  MixtralModel,
} from "@mixtape/mixtral";
import { OlmoeForCausalLM } from "@mixtape/olmoe";
import { Qwen2MoeForCausalLM } from "@mixtape/qwen2-moe";
import {
  Qwen3MoeForCausalLM,
  Qwen3MoeForQuestionAnswering,
  Qwen3MoeForSequenceClassification,
  Qwen3MoeForTokenClassification,
  Qwen3MoeModel,
} from "@mixtape/qwen3-moe";
import { Qwen3NextForCausalLM } from "@mixtape/qwen3-next";
import { UnknownArchitectureError, UnknownFamilyError } from "./mixtape-error.js";
import { HEADS, type ModelByTask, type Task } from "./tasks.js";

/** A model class in the registry, whatever its family's config adds to a decoder's. */
type AnyClass = ModelClass<PreTrainedModel>;

/** A family, and its classes by head. Classes that were not registered are created on request. */
interface Registered {
  readonly family: Family;
  readonly classes: Map<string, AnyClass>;
}

const BUILT_IN = [
  MixtralForCausalLM,
  MixtralForSequenceClassification,
  MixtralForTokenClassification,
  MixtralForQuestionAnswering,
  MixtralModel,
  Qwen3MoeForCausalLM,
  Qwen3MoeForSequenceClassification,
  Qwen3MoeForTokenClassification,
  Qwen3MoeForQuestionAnswering,
  Qwen3MoeModel,
  AfmoeForCausalLM,
  AfmoeForSequenceClassification,
  AfmoeForTokenClassification,
  AfmoeForQuestionAnswering,
  AfmoeModel,
  Qwen2MoeForCausalLM,
  DeepseekV3ForCausalLM,
  GptOssForCausalLM,
  OlmoeForCausalLM,
  Qwen3NextForCausalLM,
] as unknown as readonly AnyClass[];

const families = new Map<string, Registered>();
for (const model of BUILT_IN) register(model);

/**
 * Registers a class with `loadModel` for checkpoints with the `model_type` of its config. Classes of several heads may
 * be registered for a family; for the other tasks, a class is created from the family and the generic head. Registering
 * a family again replaces it.
 *
 * ```ts
 * registerFamily(MyAfmoeForCausalLM);
 * ```
 *
 * @throws {UnknownFamilyError} if it is not a model class with a family and a head, or the config has no model type.
 */
export function registerFamily<M extends PreTrainedModel<C>, C extends DecoderConfig>(family: ModelClass<M, C>): void {
  if (typeof family !== "function" || !family.family)
    throw new UnknownFamilyError({
      where: "registerFamily",
      expected: "a class of models with a static family",
      got: typeof family === "function" ? `${family.name || "a class"} without it` : String(family),
    });
  const wrong = missingPart(family as unknown as AnyClass);
  if (wrong) throw new UnknownFamilyError({ where: family.name || "registerFamily", ...wrong });
  if (!family.family.config.modelType)
    throw new UnknownFamilyError({ where: family.name, expected: "a config with a modelType", got: "none" });
  register(family as unknown as AnyClass);
}

/** Describes what a class lacks to be found by the head of a checkpoint, or to be built; undefined if it has all. */
function missingPart({ family, head }: Partial<AnyClass>): Omit<ErrorDetails, "where"> | undefined {
  const { name, config, layer } = family as unknown as Record<string, unknown>;
  if (typeof config !== "object" || config === null || typeof layer !== "function" || typeof name !== "string")
    return {
      expected: "a static family from defineFamily, with name, config and layer",
      got: "another",
      fix: "static readonly family = defineFamily({ name, config, layer, names })",
    };
  if (typeof head === "string" && head !== "") return undefined;
  return {
    expected: "a class with a static head, the end of its name in architectures",
    got: head === undefined ? "none" : JSON.stringify(head),
    fix: 'static readonly head = "ForCausalLM", or extend a class that has one',
  };
}

function register(model: AnyClass): void {
  const modelType = model.family.config.modelType!;
  const known = families.get(modelType);
  const entry = known?.family === model.family ? known : { family: model.family, classes: new Map() };
  entry.classes.set(model.head, model);
  families.set(modelType, entry);
}

/** Lists the model types that `loadModel` knows. */
export function registeredFamilies(): string[] {
  return [...families.keys()];
}

/**
 * Returns the class for a `model_type`, with a causal language modelling head.
 * @param where name of the source in an error, such as the path of a config
 * @param architectures classes of transformers that a config without a `model_type` may name: for the error
 * @throws {UnknownFamilyError} listing the known ones.
 */
export function familyOf(modelType: unknown, where = "familyOf", architectures?: unknown): ModelClass<ForCausalLM> {
  return classOf(registeredFor(modelType, where, architectures), HEADS["text-generation"].head);
}

/**
 * Returns the class for a `config.json`: of its family by `model_type`, with the head of a task, or else the head that
 * `architectures` names.
 * @param where name of the config in an error
 * @throws {UnknownFamilyError} for a `model_type` that no family is registered for
 * @throws {UnknownArchitectureError} for classes of unknown heads
 */
export function modelClassOf<T extends Task>(
  json: { readonly model_type?: unknown; readonly architectures?: unknown },
  where: string,
  task: T | "auto" = "auto",
): ModelClass<ModelByTask[T]> {
  const entry = registeredFor(json.model_type, where, json.architectures);
  return classOf(entry, task === "auto" ? headIn(json.architectures, entry, where) : HEADS[task].head);
}

function registeredFor(modelType: unknown, where: string, architectures: unknown): Registered {
  const family = typeof modelType === "string" ? families.get(modelType) : undefined;
  if (family) return family;
  throw new UnknownFamilyError({
    where: `${where}: model_type`,
    expected: `one of ${registeredFamilies().join(", ")}`,
    got: modelType === undefined ? "none" : JSON.stringify(modelType),
    fix: meantBy(modelType, architectures) ?? "Register a custom family with registerFamily",
  });
}

/** Returns the class of a head, created from the family and the generic head if none was registered. */
function classOf<M extends PreTrainedModel>({ family, classes }: Registered, head: string): ModelClass<M> {
  const known = classes.get(head);
  if (known) return known as unknown as ModelClass<M>;
  const Head = Object.values(HEADS).find((one) => one.head === head) as unknown as new () => PreTrainedModel;
  const made = class extends Head {
    static readonly family = family;
  };
  Object.defineProperty(made, "name", { value: family.name + head });
  classes.set(head, made as unknown as AnyClass);
  return made as unknown as ModelClass<M>;
}

/**
 * Returns the head that `architectures` names: that of the first known class, or of a variant whose name ends like a
 * known one. A config without `architectures` is a causal language model.
 */
function headIn(architectures: unknown, { family, classes }: Registered, where: string): string {
  const names = Array.isArray(architectures) ? architectures.filter((name) => typeof name === "string") : [];
  if (names.length === 0) return HEADS["text-generation"].head;
  const heads = [...new Set([...Object.values(HEADS).map(({ head }) => head), ...classes.keys()])];
  for (const name of names) {
    // GPT2LMHeadModel and XForRewardModel also end with these.
    const end = /For[A-Z]\w*$|LMHeadModel$|Model$/.exec(name)?.[0];
    const head = heads.find((one) => one === end || family.name + one === name);
    if (head !== undefined) return head;
  }
  throw new UnknownArchitectureError({
    where: `${where}: architectures`,
    expected: `one of ${heads.map((head) => family.name + head).join(", ")}`,
    got: JSON.stringify(names),
    fix: [
      { option: "task", text: (option) => `choose a head with ${option}` },
      "add a class of another head with registerFamily",
    ],
  });
}

/** Suggests the `model_type` for a config that names a known class of transformers and no `model_type`. */
function meantBy(modelType: unknown, architectures: unknown): string | undefined {
  if (modelType != null || !Array.isArray(architectures)) return undefined;
  for (const [type, { family }] of families)
    for (const { head } of Object.values(HEADS)) {
      const name = family.name + head;
      if (architectures.includes(name)) return `It names ${name}: add "model_type": ${JSON.stringify(type)} to it`;
    }
  return undefined;
}
