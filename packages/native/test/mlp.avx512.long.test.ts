import { mlpTests } from "./support/mlp.js";

mlpTests("avx512");
