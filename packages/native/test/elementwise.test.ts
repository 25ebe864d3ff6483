import { elementwiseTests } from "./support/elementwise.js";
import { bestIsa } from "./support/isa.js";

elementwiseTests(bestIsa());
