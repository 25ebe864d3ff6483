import { kernelTests } from "../support/kernels.js";

kernelTests("amx");
