export { expectAllClose, type Tolerance, type Values } from "./all-close.js";
export { type ConformanceOptions, conformance } from "./conformance/conformance.js";
export { type HeadClasses, headConformance } from "./conformance/heads.js";
export { longTestEngines, onEachEngine, testEngines, withoutCpu } from "./engines.js";
export { fixture } from "./fixtures.js";
export {
  type Golden,
  type GoldenCase,
  type GoldenGreedy,
  type GoldenInputs,
  goldenNames,
  readGolden,
} from "./golden.js";
export { greedy } from "./greedy.js";
export { type HeadGolden, type HeadGoldenCase, type HeadGoldenInputs, readHeadGolden } from "./head-golden.js";
export { withoutLeak } from "./leak.js";
