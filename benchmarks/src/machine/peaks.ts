import { fileURLToPath } from "node:url";
import type { Peaks } from "@mixtape/native";
import type { Request } from "../mixtape/request.js";
import { ask } from "../runners/child.js";

const CHILD = fileURLToPath(new URL("../mixtape/main.js", import.meta.url));

/** Measures the peak performance of the processor with `native`, in a separate process. */
export function measurePeaks(): Promise<Peaks> {
  const request: Request = { kind: "peaks" };
  return ask({ file: process.execPath, args: [CHILD, "native", JSON.stringify(request)] });
}
