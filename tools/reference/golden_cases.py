"""The table of model cases: tiny base configurations of each family and what each case changes in them."""

import golden_cases_afmoe
import golden_cases_deepseek_v3
import golden_cases_gpt_oss
import golden_cases_mixtral
import golden_cases_olmoe
import golden_cases_qwen2_moe
import golden_cases_qwen3_moe
import golden_cases_qwen3_next

CASES = [
    *golden_cases_mixtral.CASES,
    *golden_cases_qwen3_moe.CASES,
    *golden_cases_afmoe.CASES,
    *golden_cases_olmoe.CASES,
    *golden_cases_qwen2_moe.CASES,
    *golden_cases_deepseek_v3.CASES,
    *golden_cases_gpt_oss.CASES,
    *golden_cases_qwen3_next.CASES,
]
