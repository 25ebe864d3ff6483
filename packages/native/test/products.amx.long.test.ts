import { productTests } from "./support/products.js";

productTests("amx");
