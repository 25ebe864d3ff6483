import { useEngine } from "@mixtape/engine";
import { scalar, type Tensor } from "@tensorflow/tfjs-core";
import { beforeAll, expect, test } from "vitest";
import { withoutLeak } from "../src/leak.js";

beforeAll(async () => {
  await useEngine("cpu");
});

test("what cleans up passes, and its result comes through", async () => {
  expect(
    await withoutLeak(async () => {
      const one = scalar(1);
      const [value] = await one.data();
      one.dispose();
      return value;
    }),
  ).toBe(1);
});

test("tensors that stay, and that vanish, are counted", async () => {
  const left: Tensor[] = [];
  await expect(withoutLeak(() => void left.push(scalar(1), scalar(2)))).rejects.toThrow(
    "expected as many tensors as before, got +2 tensors and +2 buffers",
  );
  await expect(withoutLeak(() => left[0]!.dispose())).rejects.toThrow("got -1 tensors and -1 buffers");
  // A second tensor on the same values.
  await expect(withoutLeak(() => void left.push(left[1]!.clone()))).rejects.toThrow("got +1 tensors and 0 buffers");
  for (const tensor of left) tensor.dispose();
});
