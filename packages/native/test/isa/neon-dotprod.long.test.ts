import { kernelTests } from "../support/kernels.js";

kernelTests("neon_dotprod");
