# Inference only: no torch, no compiler, no root.
#   docker build -t mdx .
#   docker run --rm -v "$PWD/songs:/songs" mdx mdx separate /songs/song.flac -o /songs/separated
# Without a command it runs the challenge over /songs/test into /songs/results. It runs as user
# 1001; for folders that only you can access, add  --user "$(id -u)".
FROM python:3.11-slim

RUN useradd --create-home --uid 1001 aicrowd
WORKDIR /home/aicrowd/mdx
COPY pyproject.toml setup.py constraints.txt README.md LICENSE ./
COPY mdx mdx
RUN pip install --no-cache-dir --constraint constraints.txt --editable .
COPY predict.py aicrowd.json run.sh ./
COPY evaluator evaluator
COPY models models

USER aicrowd
ENV TEST_DATASET_PATH=/songs/test RESULTS_DATASET_PATH=/songs/results
CMD ["python", "predict.py"]
