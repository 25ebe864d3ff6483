import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { BufferPool } from "../src/buffer-pool.js";

const MIB = 2 ** 20;
/** Of some MiB. */
const floats = (mib: number): number => (mib * MIB) / 4;

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

describe("arrays", () => {
  test("that come back are used again, for the same type and length", () => {
    const arrays = new BufferPool();
    const array = arrays.acquire("float32", 3);
    arrays.release("float32", array);
    expect(arrays.acquire("int32", 3)).toBeInstanceOf(Int32Array);
    expect(arrays.acquire("float32", 4) === array).toBe(false);
    expect(arrays.acquire("float32", 3) === array).toBe(true);
    expect(arrays.acquire("float32", 3) === array).toBe(false);
  });

  test("are kept up to twice what was in use at once", () => {
    const arrays = new BufferPool();
    const many = Array.from({ length: 3 }, () => arrays.acquire("float32", floats(100)));
    for (const array of many) arrays.release("float32", array);
    const again = many.map(() => arrays.acquire("float32", floats(100)));
    expect(again.filter((array) => many.includes(array)).length).toBe(3);
    for (const array of again) arrays.release("float32", array);
    // 300 MiB were in use at once. Of another length as many fit beside them; what is more takes the place of one.
    const others = Array.from({ length: 6 }, () => arrays.acquire("float32", floats(50)));
    for (const array of others) arrays.release("float32", array);
    arrays.acquire("float32", floats(20));
    const left = many.map(() => arrays.acquire("float32", floats(100)));
    expect(left.filter((array) => many.includes(array)).length).toBe(2);
  });

  test("of many lengths do not pile up", () => {
    const arrays = new BufferPool();
    const first = arrays.acquire("float32", floats(64));
    arrays.release("float32", first);
    for (let i = 1; i < 10; i++) arrays.release("float32", arrays.acquire("float32", floats(64) + i));
    expect(arrays.acquire("float32", floats(64)) === first).toBe(false);
  });

  test("that were lost count no more", () => {
    const arrays = new BufferPool();
    const [a, b] = [arrays.acquire("float32", floats(100)), arrays.acquire("float32", floats(60))];
    arrays.forget(a);
    arrays.release("float32", b);
    // 60 MiB are kept; with as many in use that is below the least.
    arrays.acquire("float32", floats(68));
    expect(arrays.acquire("float32", floats(60)) === b).toBe(true);
  });

  test("that nobody needed for a while are dropped, and no others", () => {
    const arrays = new BufferPool();
    const [needed, idle] = [arrays.acquire("float32", 10), arrays.acquire("float32", 10)];
    const other = arrays.acquire("float32", 20);
    for (const array of [idle, needed]) arrays.release("float32", array);
    arrays.release("float32", other);
    vi.advanceTimersByTime(10_000);
    arrays.release("float32", arrays.acquire("float32", 10));
    vi.advanceTimersByTime(10_000);
    expect(arrays.acquire("float32", 10) === needed).toBe(true);
    expect(arrays.acquire("float32", 10) === idle).toBe(false);
    expect(arrays.acquire("float32", 20) === other).toBe(false);
  });

  test("are all dropped in the end, and no timer stays", () => {
    const arrays = new BufferPool();
    arrays.release("float32", arrays.acquire("float32", 10));
    expect(vi.getTimerCount()).toBe(1);
    vi.advanceTimersByTime(30_000);
    expect(vi.getTimerCount()).toBe(0);
    arrays.release("float32", arrays.acquire("float32", 10));
    arrays.clear();
    expect(vi.getTimerCount()).toBe(0);
  });
});
