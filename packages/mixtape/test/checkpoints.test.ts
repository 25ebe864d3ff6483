/** Checkpoints with odd tensors, against what transformers makes of them. Those with odd configs are in `long/`. */
import { beforeAll, test } from "vitest";
import { useEngine } from "../src/index.js";
import { CASES, compare } from "./checkpoint-cases.js";

beforeAll(async () => {
  await useEngine("cpu");
});

test.each(CASES.filter(([, , { tensors }]) => tensors !== undefined))("%s: %s", compare);
