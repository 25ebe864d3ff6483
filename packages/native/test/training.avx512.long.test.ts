import { trainingTests } from "./support/training.js";

trainingTests("avx512");
