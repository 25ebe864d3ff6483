/** The command line `sample-train`: reads the arguments, trains, and ends with its exit code. */

import { runProgram } from "@mixtape/command-line";
import { makeProgram } from "./program.js";

void runProgram(makeProgram);
