"""The table of model cases: three tiny base configurations and what each case changes in them."""

import golden_cases_afmoe
import golden_cases_mixtral
import golden_cases_qwen3_moe

CASES = [*golden_cases_mixtral.CASES, *golden_cases_qwen3_moe.CASES, *golden_cases_afmoe.CASES]
