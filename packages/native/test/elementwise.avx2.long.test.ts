import { elementwiseTests } from "./support/elementwise.js";

elementwiseTests("avx2");
