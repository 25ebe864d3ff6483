/// <reference lib="esnext.disposable" preserve="true" />
import { Param } from "./param.js";

/**
 * Base of all layers: a class whose fields are its parts. Parameters are found by walking the fields, so nothing needs
 * to be registered; values that are not state are in `#private` fields, which the walk skips.
 *
 * A parameter's name is its path of fields in snake_case: `selfAttn.qProj.weight` is `self_attn.q_proj.weight`. Items
 * of an array are named by their index: `layers.0`.
 */
export abstract class Module {
  /** Yields every parameter of this module and its parts with its name, in the order of the fields. */
  *namedParameters(prefix = ""): IterableIterator<[name: string, param: Param]> {
    for (const [name, part] of this.children()) {
      if (part instanceof Param) yield [prefix + name, part];
      else yield* part.namedParameters(`${prefix}${name}.`);
    }
  }

  /** Yields this module and all modules below it with their names; its own name is empty. */
  *namedModules(prefix = ""): IterableIterator<[name: string, module: Module]> {
    yield [prefix.slice(0, -1), this];
    for (const [name, part] of this.children())
      if (part instanceof Module) yield* part.namedModules(`${prefix}${name}.`);
  }

  /** Yields its direct parts with their names. */
  *children(): IterableIterator<[name: string, part: Module | Param]> {
    for (const [field, value] of Object.entries(this)) {
      if (isPart(value)) yield [toSnakeCase(field), value];
      else if (Array.isArray(value))
        for (const [i, item] of value.entries()) if (isPart(item)) yield [`${toSnakeCase(field)}.${i}`, item];
    }
  }

  /** Frees the values of all parameters. The module can be loaded again. */
  dispose(): void {
    for (const [, param] of this.namedParameters()) param.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

function isPart(value: unknown): value is Module | Param {
  return value instanceof Param || value instanceof Module;
}

function toSnakeCase(field: string): string {
  return field.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
