import { bestIsa } from "./support/isa.js";
import { mlpTests } from "./support/mlp.js";

mlpTests(bestIsa());
