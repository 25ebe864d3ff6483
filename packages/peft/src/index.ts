export { Adapter, type TableRow } from "./adapter.js";
export { Adapters, type Selection } from "./adapters.js";
export { type ApplyOptions, adaptersOf, applyAdapter } from "./apply.js";
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
} from "./config/index.js";
export { AdapterError } from "./errors.js";
export { type LoadAdapterOptions, loadAdapter } from "./load.js";
export { type AdapterBatch, type AdapterLoss, type AdapterLossOptions, adapterLosses } from "./losses.js";
export type { ExpertCounts } from "./mixture-losses.js";
export { adapterFiles, peftRefusal, type SaveAdapterOptions, saveAdapter } from "./save.js";
