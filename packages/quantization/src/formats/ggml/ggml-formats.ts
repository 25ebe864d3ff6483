import type { GgmlFormat } from "./ggml-format.js";
import { IQ4_NL } from "./iq4-nl.js";
import { IQ4_XS } from "./iq4-xs.js";
import { MXFP4 } from "./mxfp4.js";
import { Q2_K } from "./q2-k.js";
import { Q3_K } from "./q3-k.js";
import { Q4_0 } from "./q4-0.js";
import { Q4_1 } from "./q4-1.js";
import { Q4_K } from "./q4-k.js";
import { Q5_0 } from "./q5-0.js";
import { Q5_1 } from "./q5-1.js";
import { Q5_K } from "./q5-k.js";
import { Q6_K } from "./q6-k.js";
import { Q8_0 } from "./q8-0.js";

/** Every supported block format of ggml. */
export const GGML_FORMATS: readonly GgmlFormat[] = [
  Q4_0,
  Q4_1,
  Q5_0,
  Q5_1,
  Q8_0,
  Q2_K,
  Q3_K,
  Q4_K,
  Q5_K,
  Q6_K,
  IQ4_NL,
  IQ4_XS,
  MXFP4,
];
