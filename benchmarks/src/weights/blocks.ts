/**
 * Random blocks of llama.cpp's formats: random codes, and scales that give the values a mean of zero and a chosen deviation. One run
 * of blocks is drawn for each format and deviation, and each tensor reads it cyclically from its own offset.
 */

import { fromFloat32 } from "@mixtape/safetensors";
import { hash, xorshift } from "./values.js";

/** Formats of a Q4_K_M or a Q8_0 file. */
export type BlockFormat = keyof typeof FORMATS;

/** A prime, so that rows of a matrix do not repeat. */
const BLOCKS = 65_537;

/** Values and bytes of a block. */
const FORMATS = {
  Q4_K: { values: 256, bytes: 144, fill: fillQ4K },
  Q5_K: { values: 256, bytes: 176, fill: fillQ5K },
  Q6_K: { values: 256, bytes: 210, fill: fillQ6K },
  Q8_0: { values: 32, bytes: 34, fill: fillQ8 },
} as const;

const drawn = new Map<string, Uint8Array>();

/** Returns the bytes of so many values. */
export function blockBytes(format: BlockFormat, count: number): number {
  const { values, bytes } = FORMATS[format];
  return (count / values) * bytes;
}

/** Returns random blocks of so many values. The name decides the offset in the run. */
export function randomBlocks(format: BlockFormat, name: string, count: number, deviation: number): Uint8Array {
  const run = runOf(format, deviation);
  const bytes = new Uint8Array(blockBytes(format, count));
  for (let done = 0, from = (hash(name) % BLOCKS) * FORMATS[format].bytes; done < bytes.length; from = 0) {
    const part = run.subarray(from, from + bytes.length - done);
    bytes.set(part, done);
    done += part.length;
  }
  return bytes;
}

function runOf(format: BlockFormat, deviation: number): Uint8Array {
  const key = `${format} ${deviation}`;
  const known = drawn.get(key);
  if (known) return known;
  const { bytes, fill } = FORMATS[format];
  const run = new Uint8Array(BLOCKS * bytes);
  const next = xorshift();
  const words = new Uint32Array(run.buffer, 0, Math.floor(run.length / 4));
  for (let i = 0; i < words.length; i++) words[i] = next();
  for (let at = 0; at < run.length; at += bytes) fill(run.subarray(at, at + bytes), deviation);
  drawn.set(key, run);
  return run;
}

/** `d · scale · q − dmin · min`: d, dmin, 8 scales and 8 minima of 6 bits, 256 codes of 4 bits. */
function fillQ4K(block: Uint8Array, deviation: number): void {
  fillScaled(block, deviation, { mean: 7.5, deviation: 4.61 });
}

/** As Q4_K, with 256 codes of 5 bits, whose highest bits come before the others. */
function fillQ5K(block: Uint8Array, deviation: number): void {
  fillScaled(block, deviation, { mean: 15.5, deviation: 9.23 });
}

function fillScaled(block: Uint8Array, deviation: number, codes: { mean: number; deviation: number }): void {
  // Scales are up to 63, their root mean square is 36.5.
  const d = deviation / (codes.deviation * 36.5);
  block.set(float16(d), 0);
  block.set(float16(codes.mean * d), 2);
  // The minima are as the scales: then each sub-block has a mean of zero.
  block.copyWithin(8, 4, 8);
  for (let i = 12; i < 16; i++) block[i] = (block[i]! & 15) * 17;
}

/** `d · scale · (q − 32)`: 256 codes of 6 bits, 16 scales of 8 bits, d. */
function fillQ6K(block: Uint8Array, deviation: number): void {
  // Codes have a deviation of 18.5; scales are from 8 to 23, their root mean square is 16.2.
  for (let i = 192; i < 208; i++) block[i] = 8 + (block[i]! & 15);
  block.set(float16(deviation / (18.5 * 16.2)), 208);
}

/** `d · q`: d, 32 codes of 8 bits. */
function fillQ8(block: Uint8Array, deviation: number): void {
  // A quantiser's codes are at least -127. Their deviation is 73.6.
  for (let i = 2; i < 34; i++) block[i] = block[i] === 0x80 ? 0x81 : block[i]!;
  block.set(float16(deviation / 73.6), 0);
}

function float16(value: number): Uint8Array {
  return fromFloat32(Float32Array.of(value), "F16");
}
