import { attentionTests } from "./support/attention.js";
import { bestIsa } from "./support/isa.js";

attentionTests(bestIsa());
