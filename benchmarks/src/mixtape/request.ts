import type { Task } from "../tasks.js";

/** Request to a measuring process. */
export type Request =
  | { readonly kind: "find"; readonly threads?: number }
  | { readonly kind: "peaks" }
  | { readonly kind: "run"; readonly folder: string; readonly tasks: readonly Task[]; readonly threads?: number }
  | { readonly kind: "products"; readonly folder: string }
  | { readonly kind: "kernels"; readonly folder: string; readonly longest: number }
  | { readonly kind: "profile"; readonly folder: string };
