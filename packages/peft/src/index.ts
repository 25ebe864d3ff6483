export { Adapter, type TableRow } from "./adapter/adapter.js";
export { Adapters } from "./adapter/adapters.js";
export type { ExpertCounts } from "./adapter/mixture-losses.js";
export { type ApplyOptions, adaptersOf, applyAdapter } from "./apply.js";
export type { AdapterSelection } from "./batch/slice-batch.js";
export {
  type AdapterConfig,
  type AdapterConfigInput,
  adapterConfig,
  type LoraConfig,
  type LoraConfigInput,
  METHODS,
  type Method,
  type MixtureConfig,
  type MixtureConfigInput,
  type ReadAdapterConfigOptions,
  readAdapterConfig,
} from "./config/adapter-config.js";
export { AdapterError } from "./errors.js";
export { type LoadAdapterOptions, loadAdapter } from "./load.js";
export { type AdapterBatch, type AdapterLoss, type AdapterLossOptions, adapterLosses } from "./losses.js";
export { adapterFiles, peftIncompatibility, type SaveAdapterOptions, saveAdapter } from "./save.js";
