import { getBackend, mul, tidy } from "@tensorflow/tfjs-core";
import { isRecording } from "../autodiff/recording.js";
import { engineTraits, storageOf } from "../engines/engines.js";
import { OpsError } from "../errors.js";
import type { KeyValueStore, KeyValueStoreOptions } from "../storage/key-value-store.js";
import { Int8KeyValueStore } from "./int8-key-value-store.js";
import { TensorKeyValueStore } from "./tensor-key-value-store.js";

/**
 * Returns an empty store of the engine in use. While tfjs records a gradient it consists of tensors, since storage of an engine
 * has no gradient.
 * @throws {OpsError} for int8 while a gradient is recorded, since rounding has none, and on an engine that can neither store it nor
 *   read back tensors at once
 */
export function createKeyValueStore(options: KeyValueStoreOptions = {}): KeyValueStore {
  checkDifferentiable(options);
  const own = isRecording() ? undefined : storageOf().keyValueStore?.(options);
  if (own) return own;
  if (options.kvCacheDtype !== "int8") return new TensorKeyValueStore(options);
  if (engineTraits().readsBack) return new Int8KeyValueStore(options);
  throw new OpsError({
    where: { option: "kvCacheDtype", text: (option) => `${option} on the engine ${getBackend()}` },
    expected: "auto",
    got: "int8",
    fix: "It cannot read back tensors at once, to round them: use native, tensorflow, wasm or cpu",
  });
}

/** Whether the engine in use can keep keys and values in int8. */
export function canKeepInt8(): boolean {
  return storageOf().keyValueStore !== undefined || engineTraits().readsBack === true;
}

/**
 * Returns the store itself. If tfjs records a gradient and an engine keeps it in storage of its own, moves the contents to
 * tensors and disposes the store.
 * @throws {OpsError} for int8 while a gradient is recorded
 */
export function storeToAppendTo(store: KeyValueStore, options: KeyValueStoreOptions = {}): KeyValueStore {
  checkDifferentiable(options);
  if (!isRecording() || store instanceof TensorKeyValueStore) return store;
  const tensors = new TensorKeyValueStore(options);
  if (store.length > 0) {
    tidy(() => {
      const { keys, values } = store.view();
      // A product copies; a clone would share the storage.
      tensors.append({ keys: mul(keys, 1), ...(options.sharedWidth === undefined && { values: mul(values, 1) }) });
    });
  }
  store.dispose();
  return tensors;
}

function checkDifferentiable({ kvCacheDtype }: KeyValueStoreOptions): void {
  if (kvCacheDtype !== "int8" || !isRecording()) return;
  throw new OpsError({
    where: { option: "kvCacheDtype" },
    expected: "auto while a gradient is recorded",
    got: "int8",
    fix: "Rounding has no gradient: train without a cache, or with one that does not round",
  });
}
