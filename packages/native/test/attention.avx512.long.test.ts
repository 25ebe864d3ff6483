import { attentionTests } from "./support/attention.js";

attentionTests("avx512");
