import { bestIsa } from "./support/isa.js";
import { productTests } from "./support/products.js";

productTests(bestIsa());
