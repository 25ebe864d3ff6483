import { trainingTests } from "./support/training.js";

trainingTests("neon");
