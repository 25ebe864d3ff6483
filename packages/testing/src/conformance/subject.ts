import type { DecoderConfig } from "@mixtape/config";
import type { CausalLM, CausalLMClass } from "@mixtape/decoder";

/** A class of models under test. */
export type Family<C extends DecoderConfig> = CausalLMClass<CausalLM<C>, C> & Pick<typeof CausalLM, "fromPretrained">;
