import { fileURLToPath } from "node:url";
import type { Request } from "../mixtape/request.js";
import { ask } from "../runners/child.js";

/** What the processor can do at most, as native kernels measure it. */
export interface Peaks {
  /** All threads streaming through memory that no cache holds. */
  readonly readBytesPerSecond: number;
  /** All threads multiplying matrices that lie in their caches. */
  readonly bfloat16FlopsPerSecond: number;
  readonly float32FlopsPerSecond: number;
}

const CHILD = fileURLToPath(new URL("../mixtape/main.js", import.meta.url));

/** Asks `native`, in a process of its own. Null where it does not measure them. */
export function measurePeaks(): Promise<Peaks | null> {
  const request: Request = { kind: "peaks" };
  return ask({ file: process.execPath, args: [CHILD, "native", JSON.stringify(request)] });
}
