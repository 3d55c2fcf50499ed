# The leaderboard: reads published boards and run folders, writes nothing.
FROM python:3.11-slim

RUN useradd --create-home --uid 10001 tuneboard
WORKDIR /app
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY storage storage
COPY trainer trainer
COPY bot bot
COPY leaderboard leaderboard
RUN pip install --no-cache-dir --constraint constraints.txt --editable '.[leaderboard]' \
    && mkdir /home/tuneboard/data && chown tuneboard:tuneboard /home/tuneboard/data

USER tuneboard
ENV TUNEBOARD_HOME=/home/tuneboard/data
VOLUME /home/tuneboard/data
EXPOSE 8501
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s \
    CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8501/_stcore/health', timeout=4)"]
CMD ["streamlit", "run", "leaderboard/app.py", "--server.address=0.0.0.0", "--server.port=8501", "--server.headless=true", "--browser.gatherUsageStats=false"]
