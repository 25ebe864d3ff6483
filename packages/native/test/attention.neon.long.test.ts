import { attentionTests } from "./support/attention.js";

attentionTests("neon");
