/** All checkpoints as people have them, against what transformers makes of them. */
import { beforeAll, test } from "vitest";
import { useEngine } from "../../src/index.js";
import { CASES, compare } from "../checkpoint-cases.js";

beforeAll(async () => {
  await useEngine("cpu");
});

test.each(CASES)("%s: %s", compare);
