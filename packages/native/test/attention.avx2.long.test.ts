import { attentionTests } from "./support/attention.js";

attentionTests("avx2");
