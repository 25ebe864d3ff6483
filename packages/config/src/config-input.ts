import type { RopeParametersInput } from "./rope/rope-parameters.js";

/** Fields that are derived when they are null. */
type Derivable = "numKeyValueHeads" | "headDim" | "numLabels" | "id2label";

/**
 * Values of a config for `create` and `with`: any may be omitted. RoPE parameters may omit `ropeType` and `ropeTheta`.
 */
export type ConfigInput<Config extends object> = {
  readonly [Field in keyof Config]?: Field extends "ropeParameters"
    ? RopeParametersInput
    : Config[Field] | (Field extends Derivable ? null : never) | undefined;
};
