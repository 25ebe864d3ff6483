import { kernelTests } from "../support/kernels.js";

kernelTests("avx2");
