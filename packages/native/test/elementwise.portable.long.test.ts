import { elementwiseTests } from "./support/elementwise.js";

elementwiseTests("portable");
