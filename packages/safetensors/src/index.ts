export type { ByteSource } from "./byte-source.js";
export { bytesPerElement, type Dtype } from "./dtype.js";
export {
  SafetensorsError,
  SafetensorsFormatError,
  SafetensorsIndexError,
  SafetensorsNotFoundError,
  SafetensorsReadError,
  SafetensorsWriteError,
} from "./errors.js";
export { type TensorSource, type TensorView, viewOfBytes } from "./view.js";

import type { ByteSource } from "./byte-source.js";
import type { Dtype } from "./dtype.js";
import type { TensorSource } from "./view.js";

// Signatures ahead of their code, replaced one by one.
export interface OpenOptions {
  readonly fetch?: typeof fetch;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}
export declare function openSafetensors(
  source: string | URL | Blob | ArrayBuffer | Uint8Array | ByteSource,
  options?: OpenOptions,
): Promise<TensorSource>;
export declare function openCheckpoint(
  source: string | URL | ReadonlyMap<string, Blob | ArrayBuffer | Uint8Array | URL>,
  options?: OpenOptions,
): Promise<TensorSource>;
export declare function toFloat32(bytes: Uint8Array, dtype: Dtype): Float32Array;
export declare function fromFloat32(values: Float32Array, dtype: Dtype): Uint8Array;
export declare function toFloat32Transposed(bytes: Uint8Array, dtype: Dtype, rows: number, cols: number): Float32Array;
export interface TensorToWrite {
  readonly name: string;
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  readonly bytes: Uint8Array | (() => Uint8Array | Promise<Uint8Array>);
}
export declare function encodeSafetensors(
  tensors: Iterable<TensorToWrite>,
  metadata?: Readonly<Record<string, string>>,
): Promise<Uint8Array>;
export declare function writeSafetensors(
  path: string | URL,
  tensors: Iterable<TensorToWrite>,
  options?: { readonly metadata?: Readonly<Record<string, string>> },
): Promise<void>;
export declare function writeCheckpoint(
  folder: string | URL,
  tensors: Iterable<TensorToWrite>,
  options?: {
    readonly maxShardBytes?: number;
    readonly metadata?: Readonly<Record<string, string>>;
    readonly files?: Readonly<Record<string, string | Uint8Array>>;
  },
): Promise<void>;
