import { attentionTests } from "./support/attention.js";

attentionTests("amx");
