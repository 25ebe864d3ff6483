import type { RopeParametersInput } from "./rope/rope-parameters.js";

/** Fields that follow from others, which null stands for. */
type Derivable = "numKeyValueHeads" | "headDim" | "numLabels" | "id2label";

/**
 * Values of a config as `create` and `with` take them: any may be left out. RoPE parameters may leave out their `ropeType` and
 * `ropeTheta`.
 */
export type ConfigInput<Config extends object> = {
  readonly [Field in keyof Config]?: Field extends "ropeParameters"
    ? RopeParametersInput
    : Config[Field] | (Field extends Derivable ? null : never) | undefined;
};
