/** Builds GGUF files in memory, valid ones and others. */

export type Value =
  | { readonly u8: number }
  | { readonly u32: number }
  | { readonly i32: number }
  | { readonly u64: bigint }
  | { readonly f32: number }
  | { readonly bool: boolean }
  | { readonly string: string }
  | { readonly strings: readonly string[] }
  | { readonly i32s: readonly number[] }
  | { readonly f32s: readonly number[] }
  | { readonly raw: Uint8Array };

export interface Tensor {
  readonly name: string;
  /** As in the file: the fastest first. */
  readonly sizes: readonly number[];
  readonly type?: number;
  readonly bytes: Uint8Array;
  readonly offset?: number;
}

export interface Parts {
  readonly version?: number;
  readonly keys?: readonly (readonly [string, Value])[];
  readonly tensors?: readonly Tensor[];
  readonly keyCount?: bigint;
  readonly tensorCount?: bigint;
  readonly alignment?: number;
}

export function buildGguf({
  version = 3,
  keys = [],
  tensors = [],
  alignment = 32,
  ...counts
}: Parts): Uint8Array<ArrayBuffer> {
  let offset = 0;
  const infos = tensors.map((tensor) => {
    const info = [text(tensor.name), u32(tensor.sizes.length), ...tensor.sizes.map((size) => u64(BigInt(size)))];
    info.push(u32(tensor.type ?? 0), u64(BigInt(tensor.offset ?? offset)));
    offset += aligned(tensor.bytes.length, alignment);
    return join(info);
  });
  const head = join([
    new TextEncoder().encode("GGUF"),
    u32(version),
    u64(counts.tensorCount ?? BigInt(tensors.length)),
    u64(counts.keyCount ?? BigInt(keys.length)),
    ...keys.map(([key, value]) => join([text(key), encode(value)])),
    ...infos,
  ]);
  const data = tensors.map(({ bytes }) => padded(bytes, alignment));
  return tensors.length === 0 ? head : join([padded(head, alignment), ...data]);
}

function encode(value: Value): Uint8Array {
  if ("raw" in value) return value.raw;
  if ("u8" in value) return join([u32(0), Uint8Array.of(value.u8)]);
  if ("u32" in value) return join([u32(4), u32(value.u32)]);
  if ("i32" in value) return join([u32(5), u32(value.i32)]);
  if ("u64" in value) return join([u32(10), u64(value.u64)]);
  if ("f32" in value) return join([u32(6), f32(value.f32)]);
  if ("bool" in value) return join([u32(7), Uint8Array.of(value.bool ? 1 : 0)]);
  if ("string" in value) return join([u32(8), text(value.string)]);
  if ("i32s" in value) return join([u32(9), u32(5), u64(BigInt(value.i32s.length)), ...value.i32s.map(u32)]);
  if ("f32s" in value) return join([u32(9), u32(6), u64(BigInt(value.f32s.length)), ...value.f32s.map(f32)]);
  return join([u32(9), u32(8), u64(BigInt(value.strings.length)), ...value.strings.map(text)]);
}

export function text(value: string): Uint8Array {
  const bytes = new TextEncoder().encode(value);
  return join([u64(BigInt(bytes.length)), bytes]);
}

export function u32(value: number): Uint8Array {
  return new Uint8Array(Uint32Array.of(value).buffer);
}

export function u64(value: bigint): Uint8Array {
  return new Uint8Array(BigUint64Array.of(value).buffer);
}

function f32(value: number): Uint8Array {
  return new Uint8Array(Float32Array.of(value).buffer);
}

export function join(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

function aligned(length: number, alignment: number): number {
  return Math.ceil(length / alignment) * alignment;
}

function padded(bytes: Uint8Array, alignment: number): Uint8Array {
  const all = new Uint8Array(aligned(bytes.length, alignment));
  all.set(bytes);
  return all;
}
