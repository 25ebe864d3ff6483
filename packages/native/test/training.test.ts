import { bestIsa } from "./support/isa.js";
import { trainingTests } from "./support/training.js";

trainingTests(bestIsa());
