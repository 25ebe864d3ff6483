import { fromFloat32, toFloat32 } from "@mixtape/safetensors";
import type { EncodedMatrix } from "./matrix-layout.js";

/** Largest number of E4M3. */
const LARGEST = 448;

/**
 * Quantises a matrix to floats of 8 bits (E4M3). The value of largest magnitude in a row becomes ±448, up to the rounding of the
 * scale to bfloat16.
 */
export function encodeFloats(values: Float32Array, rows: number): EncodedMatrix {
  const columns = values.length / rows;
  const largest = Float32Array.from({ length: rows }, (_, i) =>
    values.subarray(i * columns, (i + 1) * columns).reduce((most, value) => Math.max(most, Math.abs(value)), 0),
  );
  const scale = fromFloat32(
    largest.map((value) => value / LARGEST),
    "BF16",
  );
  const scales = toFloat32(scale, "BF16");
  const scaled = values.map((value, k) => {
    const divisor = scales[Math.floor(k / columns)]! || 1; // of a row of zeros
    return Math.max(-LARGEST, Math.min(LARGEST, value / divisor));
  });
  return { weight: fromFloat32(scaled, "F8_E4M3"), scale };
}
