import { joined } from "./mutate-bytes.js";

/** A GGUF file as JSON: its keys, and its tensors with sizes as in the file, the fastest first. */
export interface GgufJson {
  readonly version: unknown;
  readonly keys: Readonly<Record<string, unknown>>;
  readonly tensors: readonly GgufTensorJson[];
  /** Counts in the header; those of keys and tensors if absent. */
  readonly counts?: unknown;
}

export interface GgufTensorJson {
  readonly name: unknown;
  readonly sizes: unknown;
  readonly type: unknown;
  readonly offset: unknown;
}

/** Encodes JSON that may have been mutated: values of odd types become what is nearest, or something else. */
export function ggufFileOf(json: Partial<GgufJson>, data: Uint8Array): Uint8Array {
  const keys = Object.entries(typeof json.keys === "object" && json.keys !== null ? json.keys : {});
  const tensors = Array.isArray(json.tensors) ? (json.tensors as Partial<GgufTensorJson>[]) : [];
  const counts = Array.isArray(json.counts) ? json.counts : [];
  const head = joined(
    new TextEncoder().encode("GGUF"),
    u32(whole(json.version)),
    u64(whole(counts[0] ?? tensors.length)),
    u64(whole(counts[1] ?? keys.length)),
    ...keys.map(([key, value]) => joined(text(key), encodedValue(value))),
    ...tensors.map((tensor) => infoOf(tensor ?? {})),
  );
  return joined(head, new Uint8Array((32 - (head.length % 32)) % 32), data);
}

function infoOf({ name, sizes, type, offset }: Partial<GgufTensorJson>): Uint8Array {
  const all = Array.isArray(sizes) ? sizes : [];
  return joined(
    text(typeof name === "string" ? name : ""),
    u32(BigInt(all.length)),
    ...all.map((size) => u64(whole(size))),
    u32(whole(type)),
    u64(whole(offset)),
  );
}

/** Type and value: numbers are U32, I64 or F32, lists have the type of their first element. */
function encodedValue(value: unknown): Uint8Array {
  const { type, bytes } = scalar(value);
  if (!Array.isArray(value)) return joined(u32(type), bytes);
  const elements = value.map(scalar);
  const first = elements[0]?.type ?? 4n;
  return joined(u32(9n), u32(first), u64(BigInt(value.length)), ...elements.map((element) => element.bytes));
}

function scalar(value: unknown): { readonly type: bigint; readonly bytes: Uint8Array } {
  if (typeof value === "boolean") return { type: 7n, bytes: Uint8Array.of(value ? 1 : 0) };
  if (typeof value !== "number") return { type: 8n, bytes: text(typeof value === "string" ? value : "") };
  if (Number.isInteger(value) && value >= 0 && value < 2 ** 32) return { type: 4n, bytes: u32(BigInt(value)) };
  if (Number.isSafeInteger(value)) return { type: 11n, bytes: u64(BigInt(value)) };
  return { type: 6n, bytes: new Uint8Array(Float32Array.of(value).buffer) };
}

function whole(value: unknown): bigint {
  return typeof value === "number" && Number.isFinite(value) ? BigInt(Math.trunc(value)) : 0n;
}

function text(value: string): Uint8Array {
  const bytes = new TextEncoder().encode(value);
  return joined(u64(BigInt(bytes.length)), bytes);
}

function u32(value: bigint): Uint8Array {
  return new Uint8Array(Uint32Array.of(Number(BigInt.asUintN(32, value))).buffer);
}

function u64(value: bigint): Uint8Array {
  return new Uint8Array(BigUint64Array.of(BigInt.asUintN(64, value)).buffer);
}
