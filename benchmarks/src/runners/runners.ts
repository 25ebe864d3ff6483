import { mixtape } from "./mixtape.js";
import type { Runner } from "./runner.js";

export const RUNNERS: readonly Runner[] = [mixtape("cpu"), mixtape("wasm"), mixtape("tensorflow")];
