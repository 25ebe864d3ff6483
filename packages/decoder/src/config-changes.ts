import { type ConfigDefinition, type DecoderConfig, defaultLabels } from "@mixtape/config";

/**
 * A config with some values changed when a model is loaded. A different number of labels gets default names, as in transformers:
 * the names in the file belong to the original number.
 * @throws {ConfigError} for values that contradict each other
 */
export function changeConfig<C extends DecoderConfig>(
  definition: ConfigDefinition<C, object>,
  config: C,
  changes: Partial<DecoderConfig> | undefined,
): C {
  if (!changes || Object.keys(changes).length === 0) return config;
  const { numLabels, id2label } = changes;
  const named = numLabels !== undefined && numLabels !== config.numLabels && id2label === undefined;
  return definition.with(config, { ...changes, ...(named && { id2label: defaultLabels(numLabels) }) });
}
