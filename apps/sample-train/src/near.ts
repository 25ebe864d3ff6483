import { relative } from "node:path";

/** A path as it is reached from here, where it lies below. */
export function near(path: string): string {
  const way = relative("", path);
  return way === "" || way.startsWith("..") ? path : way;
}
