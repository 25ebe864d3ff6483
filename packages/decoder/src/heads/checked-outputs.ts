import { Tensor } from "@tensorflow/tfjs-core";
import { DecoderError } from "../errors.js";

/**
 * Returns the outputs of a head.
 * @param where name of the model's class
 * @throws {DecoderError} for a Promise, whose tensors would be freed before it resolves, and for anything else than an object of
 * outputs
 */
export function checkedOutputs<O extends object>(where: string, outputs: O): O {
  const value: unknown = outputs;
  const isPromise = value instanceof Promise;
  // The head still runs, on tensors that are freed by now: its error says nothing more.
  if (isPromise) value.catch(() => {});
  if (typeof value === "object" && value !== null && !isPromise && !Array.isArray(value) && !(value instanceof Tensor))
    return outputs;
  throw new DecoderError({
    where: `${where}: withHead`,
    expected: "a head that returns an object of outputs, such as { logits }",
    got: isPromise ? "a Promise" : kindOf(value),
    fix: isPromise
      ? "Run the head without async: await the data of its outputs after forward"
      : "Give each tensor a name",
  });
}

function kindOf(value: unknown): string {
  if (value instanceof Tensor) return "a tensor";
  return Array.isArray(value) ? "an array" : String(value);
}
