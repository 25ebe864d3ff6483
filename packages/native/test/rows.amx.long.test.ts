import { rowsTests } from "./support/rows.js";

rowsTests("amx");
