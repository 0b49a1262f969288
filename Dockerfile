# Inference only: no torch, no compiler, no root. The challenge's builder uses this file, too; its
# images have the submission in /home/aicrowd.
#   docker build -t mdx .
#   docker run --rm --user "$(id -u):$(id -g)" -v "$PWD/songs:/songs" \
#       mdx mdx separate /songs/song.flac -o /songs/separated
# Without a command it runs the challenge over /songs/test into /songs/results. Without --user it
# runs as user 1001, who must be able to write to the folder.
FROM python:3.11-slim-bookworm

RUN useradd --create-home --uid 1001 aicrowd && chmod 755 /home/aicrowd
WORKDIR /home/aicrowd
COPY pyproject.toml setup.py constraints.txt README.md LICENSE NOTICE ./
COPY mdx mdx
# The grader's own evaluator/aicrowd_helpers.py imports aicrowd-api.
RUN pip install --no-cache-dir --constraint constraints.txt --editable . aicrowd-api==0.1.25
COPY predict.py aicrowd.json run.sh ./
COPY evaluator evaluator
COPY models models

USER aicrowd
ENV TEST_DATASET_PATH=/songs/test RESULTS_DATASET_PATH=/songs/results
CMD ["python", "predict.py"]
