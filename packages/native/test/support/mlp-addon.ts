/** `gatedMlp` and `experts` of the addon, called directly. */

import fc from "fast-check";
import { expect, test } from "vitest";
import { PRECISIONS } from "../../src/addon/handles.js";
import { addon } from "../../src/addon.js";
import { NativeError } from "../../src/index.js";

const SILU = Float32Array.of(0, 0, 0);

export function mlpAddonTests(): void {
  test("no token, no choice and no inner width give zeros", () => {
    const native = addon();
    const none = new Float32Array();
    const out = new Float32Array(6).fill(7);
    native.experts(
      out,
      new Float32Array(6),
      new Int32Array(),
      none,
      none,
      none,
      none,
      null,
      null,
      null,
      0,
      3,
      0,
      SILU,
      0,
    );
    expect(out).toEqual(new Float32Array(6));
    const x = Float32Array.of(1, 2, 3, 4, 5, 6);
    for (const run of [
      () =>
        native.experts(
          out.fill(7),
          x,
          Int32Array.of(0, 1),
          x.slice(0, 2),
          none,
          none,
          none,
          null,
          null,
          null,
          2,
          3,
          0,
          SILU,
          0,
        ),
      () => native.gatedMlp(out.fill(7), x, none, none, none, null, null, null, 3, 0, SILU, 0),
    ]) {
      run();
      expect(out).toEqual(new Float32Array(6));
    }
    native.gatedMlp(
      none,
      none,
      new Float32Array(3),
      new Float32Array(3),
      new Float32Array(3),
      null,
      null,
      null,
      3,
      1,
      SILU,
      0,
    );
  });

  test("whatever the addon is given, it answers or throws its error", () => {
    const native = addon();
    const weight = (rows: number, columns: number, parts: number) =>
      native.copyWeight(
        1,
        rows,
        columns,
        Array.from({ length: parts }, () => new Uint8Array(2 * rows * columns)),
      );
    const released = weight(4, 3, 2);
    native.release(released);
    const right = () => [
      new Float32Array(6),
      new Float32Array(6),
      Int32Array.of(1, 0, 1, 1),
      new Float32Array(4),
      weight(4, 3, 2),
      new Float32Array(24),
      weight(3, 4, 2),
      new Float32Array(8),
      null,
      new Float32Array(6),
      2,
      3,
      4,
      SILU,
      PRECISIONS.bfloat16,
    ];
    const rightMlp = () => [
      new Float32Array(6),
      new Float32Array(6),
      weight(4, 3, 1),
      new Float32Array(12),
      weight(3, 4, 1),
      null,
      new Float32Array(4),
      new Float32Array(3),
      3,
      4,
      SILU,
      PRECISIONS.bfloat16,
    ];
    const wrong = fc.oneof(
      fc.constantFrom<unknown>(undefined, null, "x", {}, [], released, weight(4, 3, 1), weight(2, 2, 2), true),
      fc.constantFrom(-1, 0, 1, 2, 3, 5, 2.5, Number.NaN, 1e30, 2 ** 32, 2 ** 39),
      fc.nat(40).map((length) => new Float32Array(length)),
      fc.nat(10).map((length) => new Int32Array(length).fill(1)),
      fc.array(fc.integer(), { maxLength: 6 }).map((values) => Int32Array.from(values)),
    );
    const call = (name: "experts" | "gatedMlp", args: unknown[]) =>
      (native[name] as (...args: unknown[]) => void)(...args);
    call("experts", right());
    call("gatedMlp", rightMlp());
    fc.assert(
      fc.property(fc.boolean(), fc.nat(14), fc.nat(14), wrong, wrong, fc.boolean(), (isMlp, i, j, a, b, both) => {
        const args: unknown[] = isMlp ? rightMlp() : right();
        args[i % args.length] = a;
        if (both) args[j % args.length] = b;
        try {
          call(isMlp ? "gatedMlp" : "experts", args);
        } catch (error) {
          if (!(error instanceof NativeError)) throw error;
        }
      }),
      { numRuns: 2000 },
    );
  });
}
