# The GPU host: works on the queue (`tuneboard work`) and trains. CUDA comes with torch's own wheels;
# the host needs NVIDIA's driver and container toolkit.
FROM python:3.11-slim

# Triton compiles kernels at run time.
RUN apt-get update && apt-get install --yes --no-install-recommends gcc libc6-dev \
    && rm -rf /var/lib/apt/lists/*
RUN useradd --create-home --uid 10001 tuneboard
WORKDIR /app
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY storage storage
COPY trainer trainer
COPY bot bot
COPY leaderboard leaderboard
RUN pip install --no-cache-dir --constraint constraints.txt '.[bot,gpu]' \
    && mkdir /home/tuneboard/data && chown tuneboard:tuneboard /home/tuneboard/data

USER tuneboard
ENV TUNEBOARD_HOME=/home/tuneboard/data HF_HOME=/home/tuneboard/data/.hub
VOLUME /home/tuneboard/data
HEALTHCHECK --interval=30s --timeout=10s --start-period=20s \
    CMD ["tuneboard", "work", "--healthy"]
CMD ["tuneboard", "work"]
