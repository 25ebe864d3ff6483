import { productTests } from "./support/products.js";

productTests("avx2");
