import { mul, tidy } from "@tensorflow/tfjs-core";
import { isRecording } from "../autodiff/tape.js";
import { storageOf } from "../engines/engines.js";
import type { KeyValueStore, KeyValueStoreOptions } from "../storage/key-value-store.js";
import { TensorKeyValueStore } from "./tensor-key-value-store.js";

/**
 * Returns an empty store as the engine in use keeps one. While tfjs records a gradient, tensors: what an engine does in storage
 * of its own has none.
 */
export function createKeyValueStore(options: KeyValueStoreOptions = {}): KeyValueStore {
  return (isRecording() ? undefined : storageOf().keyValueStore?.(options)) ?? new TensorKeyValueStore(options);
}

/**
 * Returns the store itself, or where tfjs records a gradient and an engine keeps it in storage of its own, tensors with what
 * it holds instead; the store is disposed then.
 */
export function storeToAppendTo(store: KeyValueStore, options: KeyValueStoreOptions = {}): KeyValueStore {
  if (!isRecording() || store instanceof TensorKeyValueStore) return store;
  const tensors = new TensorKeyValueStore(options);
  if (store.length > 0) {
    tidy(() => {
      const { keys, values } = store.view();
      // A product, since a clone would be the storage itself.
      tensors.append({ keys: mul(keys, 1), ...(options.sharedWidth === undefined && { values: mul(values, 1) }) });
    });
  }
  store.dispose();
  return tensors;
}
