import { expect, test } from "vitest";
import { RUNNERS } from "../src/runners/runners.js";
import { SHAPES } from "../src/shapes/shapes.js";
import { TASKS } from "../src/tasks.js";

test("each shape has a name of its own, and runners and tasks that can be named", () => {
  expect(new Set(SHAPES.map(({ name }) => name)).size).toBe(SHAPES.length);
  const known = RUNNERS.map(({ name }) => name);
  for (const { runners, tasks } of SHAPES) {
    expect(known).toEqual(expect.arrayContaining([...runners]));
    expect(TASKS).toEqual(expect.arrayContaining([...tasks]));
  }
});
