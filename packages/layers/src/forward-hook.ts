/**
 * What stands around the forward pass of a part: it gets the input and the forward pass itself, and has the last word on the
 * output. Adapters are made of it: they add to what a part gives, or run its parts in another way. It is no state: neither
 * parameters nor checkpoints know of it.
 */
export type ForwardHook<I, O> = (input: I, forward: (input: I) => O) => O;
