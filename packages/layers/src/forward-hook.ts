/**
 * Wraps a module's forward pass (a forward hook): receives the input and the forward pass, and returns the output.
 * Adapters use it to add to a module's output, or to run the module differently. It is not part of the state:
 * parameters and checkpoints do not contain it.
 */
export type ForwardHook<I, O> = (input: I, forward: (input: I) => O) => O;
