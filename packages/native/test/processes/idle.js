/** Works with several threads, then does nothing: prints as JSON what the threads did meanwhile. */

import { setTimeout } from "node:timers/promises";
import { addon } from "../../dist/addon.js";
import { threads } from "./system.js";

const before = threads().length;
addon().setThreads(4);
const x = new Float32Array(1 << 20);
for (let i = 0; i < 50; i++) addon().unary(x, x, 0);
const started = threads().length - before;

// How soon they sleep depends on how busy the machine is; that they do, and then stay so, does not.
/** @type {ReturnType<typeof threads>} */
let asleep = [];
for (let look = 0; look < 500 && asleep.length === 0; look++) {
  await setTimeout(10);
  const others = threads().filter(({ id }) => Number(id) !== process.pid);
  if (others.every(({ state }) => state === "S")) asleep = others;
}
await setTimeout(300);
const ticksOf = (/** @type {ReturnType<typeof threads>} */ all) => all.reduce((sum, { ticks }) => sum + ticks, 0);
const still = threads().filter(({ id }) => asleep.some((one) => one.id === id));
addon().setThreads(1);
console.log(
  JSON.stringify({
    started,
    asleep: asleep.length > 0,
    ticks: ticksOf(still) - ticksOf(asleep),
    left: threads().length - before,
  }),
);
