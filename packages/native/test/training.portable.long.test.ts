import { trainingTests } from "./support/training.js";

trainingTests("portable");
