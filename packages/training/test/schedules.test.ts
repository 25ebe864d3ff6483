import { expect, test } from "vitest";
import { constantSchedule, cosineSchedule, linearSchedule, TrainingError } from "../src/index.js";

const STEPS = [0, 1, 2, 4, 6, 10, 11];

test("a constant rises in a line, and stays", () => {
  expect(STEPS.map(constantSchedule({ warmupSteps: 4 }))).toEqual([0, 0.25, 0.5, 1, 1, 1, 1]);
  expect(STEPS.map(constantSchedule())).toEqual([1, 1, 1, 1, 1, 1, 1]);
});

test("a line falls to what is left at the end, and stays there", () => {
  expect(STEPS.map(linearSchedule({ warmupSteps: 2, totalSteps: 10 }))).toEqual([0, 0.5, 1, 0.75, 0.5, 0, 0]);
  expect(STEPS.map(linearSchedule({ totalSteps: 10, minFactor: 0.5 }))).toEqual([1, 0.95, 0.9, 0.8, 0.7, 0.5, 0.5]);
});

test("half a cosine: slow, fast, slow", () => {
  const schedule = cosineSchedule({ warmupSteps: 2, totalSteps: 10, minFactor: 0.1 });
  const expected = [0, 0.5, 1, 0.1 + 0.45 * (1 + Math.SQRT1_2), 0.55, 0.1, 0.1];
  for (const [i, step] of STEPS.entries()) expect(schedule(step)).toBeCloseTo(expected[i]!, 12);
});

test("a warm-up that is longer than the run, or below 0, is refused", () => {
  expect(() => linearSchedule({ warmupSteps: 11, totalSteps: 10 })).toThrow(TrainingError);
  expect(() => constantSchedule({ warmupSteps: -1 })).toThrow("warmupSteps: expected from 0 to totalSteps");
});
