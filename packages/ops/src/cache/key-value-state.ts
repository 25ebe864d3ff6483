import { cast, mul, type Tensor4D, tidy } from "@tensorflow/tfjs-core";
import { OpsError } from "../errors.js";
import { sameShape } from "../math/shapes.js";
import type { KeyValueState, KeyValueStore, KeyValueStoreOptions } from "../storage/key-value-store.js";

/** Codes of keys or of values as tensors: int32 `[B, G, S, D]`, and float32 scales `[B, G, S, 1]`. */
export interface CodeTensors {
  readonly codes: Tensor4D;
  readonly scales: Tensor4D;
}

/** Contents of a store of int8. Values are absent if they are part of the keys. */
export interface KeyValueCodes {
  readonly keys: CodeTensors;
  readonly values?: CodeTensors;
}

/** Returns copies of the contents of a store, as numbers. */
export function exportNumbers(store: KeyValueStore, { sharedWidth }: KeyValueStoreOptions): KeyValueState {
  if (store.length === 0) return {};
  return tidy((): Record<string, Tensor4D> => {
    const { keys, values } = store.view();
    // A product, since a clone would be the storage itself.
    return { keys: mul(keys, 1), ...(sharedWidth === undefined && { values: mul(values, 1) }) };
  });
}

/** Appends exported contents to an empty store, decoded if they are codes. */
export function appendNumbers(store: KeyValueStore, state: KeyValueState): void {
  const { keys, values } = state;
  if (!keys) return;
  tidy(() => {
    const codes = codesOf(state);
    if (codes) store.append({ keys: decode(codes.keys), values: codes.values && decode(codes.values) });
    // Ranks are among what `append` checks.
    else store.append({ keys: keys as Tensor4D, values: values as Tensor4D | undefined });
  });
}

/**
 * Returns exported contents as codes; undefined if they are numbers.
 * @throws {OpsError} for codes without scales of their shape, or of other dtypes
 */
export function codesOf({ keys, keyScales, values, valueScales }: KeyValueState): KeyValueCodes | undefined {
  if (!keyScales && !valueScales) return undefined;
  const pair = (name: string, codes = keys, scales = keyScales): CodeTensors => {
    const isPair =
      codes?.dtype === "int32" &&
      scales?.dtype === "float32" &&
      codes.rank === 4 &&
      sameShape(scales.shape, [...codes.shape.slice(0, 3), 1]);
    if (isPair) return { codes: codes as Tensor4D, scales: scales as Tensor4D };
    const show = (tensor = keys) => (tensor ? `${tensor.dtype} [${tensor.shape}]` : "none");
    throw new OpsError({
      where: `KeyValueStore.importState: ${name}`,
      expected: "int32 codes [B, G, S, D] and float32 scales [B, G, S, 1]",
      got: `${codes ? show(codes) : "none"} and ${scales ? show(scales) : "none"}`,
    });
  };
  const own = pair("keys");
  if (!values && !valueScales) return { keys: own };
  const { codes, scales } = pair("values", values, valueScales);
  return { keys: own, values: { codes, scales } };
}

function decode({ codes, scales }: CodeTensors): Tensor4D {
  return mul(cast(codes, "float32"), scales);
}
