# The bot: answers in chat, owns the queue. Carries no torch; the trainer's image works on the queue.
FROM python:3.11-slim

RUN useradd --create-home --uid 10001 tuneboard
WORKDIR /app
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY storage storage
COPY trainer trainer
COPY bot bot
COPY leaderboard leaderboard
RUN pip install --no-cache-dir --constraint constraints.txt '.[bot]' \
    && mkdir /home/tuneboard/data && chown tuneboard:tuneboard /home/tuneboard/data

USER tuneboard
ENV TUNEBOARD_HOME=/home/tuneboard/data
VOLUME /home/tuneboard/data
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s \
    CMD ["tuneboard-bot", "--healthy"]
CMD ["tuneboard-bot", "--no-work"]
