import { bestIsa } from "./support/isa.js";
import { rowsTests } from "./support/rows.js";

rowsTests(bestIsa());
