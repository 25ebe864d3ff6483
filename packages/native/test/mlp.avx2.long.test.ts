import { mlpTests } from "./support/mlp.js";

mlpTests("avx2");
