import { productTests } from "./support/products.js";

productTests("neon");
