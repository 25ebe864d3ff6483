import { useEngine } from "@mixtape/engine";
import * as native from "@mixtape/native";
import type { Peaks } from "../machine/peaks.js";

/** What `native` measures of the processor; null where it offers no such measurement. */
export async function nativePeaks(): Promise<Peaks | null> {
  await useEngine("native");
  const measure = "measurePeaks" in native ? native.measurePeaks : undefined;
  return typeof measure === "function" ? measure() : null;
}
