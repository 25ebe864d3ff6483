import { rowsTests } from "./support/rows.js";

rowsTests("avx2");
