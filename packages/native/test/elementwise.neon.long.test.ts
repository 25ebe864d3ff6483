import { elementwiseTests } from "./support/elementwise.js";

elementwiseTests("neon");
