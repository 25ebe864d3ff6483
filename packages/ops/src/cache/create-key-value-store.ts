import { mul, tidy } from "@tensorflow/tfjs-core";
import { isRecording } from "../autodiff/recording.js";
import { storageOf } from "../engines/engines.js";
import type { KeyValueStore, KeyValueStoreOptions } from "../storage/key-value-store.js";
import { TensorKeyValueStore } from "./tensor-key-value-store.js";

/**
 * Returns an empty store of the engine in use. While tfjs records a gradient it consists of tensors, since storage of an engine
 * has no gradient.
 */
export function createKeyValueStore(options: KeyValueStoreOptions = {}): KeyValueStore {
  return (isRecording() ? undefined : storageOf().keyValueStore?.(options)) ?? new TensorKeyValueStore(options);
}

/**
 * Returns the store itself. If tfjs records a gradient and an engine keeps it in storage of its own, moves the contents to
 * tensors and disposes the store.
 */
export function storeToAppendTo(store: KeyValueStore, options: KeyValueStoreOptions = {}): KeyValueStore {
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
