import type { Task } from "../tasks.js";

/** Request to a measuring process. A model is a folder in Hugging Face format, or a GGUF file. */
export type Request =
  | { readonly kind: "find"; readonly threads?: number }
  | { readonly kind: "peaks" }
  | { readonly kind: "run"; readonly model: string; readonly tasks: readonly Task[]; readonly threads?: number }
  | { readonly kind: "products"; readonly model: string }
  | { readonly kind: "kernels"; readonly model: string; readonly longest: number }
  | { readonly kind: "profile"; readonly model: string };
