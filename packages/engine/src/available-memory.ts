import { availableMemory as ofPlatform } from "#platform";
import type { MemoryLimit } from "./engine.js";

/**
 * Returns the memory that this process may still use, with its reason; null if the system does not tell, as in a browser. Cached
 * files count as free.
 */
export function availableMemory(): MemoryLimit | null {
  return ofPlatform();
}
