import { mlpTests } from "./support/mlp.js";

mlpTests("amx");
