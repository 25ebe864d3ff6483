/** The command line `sample-generate`: reads the arguments, runs one command, and ends with its exit code. */

import { runProgram } from "@mixtape/command-line";
import { makeProgram } from "./program.js";

void runProgram(makeProgram);
