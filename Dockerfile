# docker build -t inbox . && docker run -p 8000:8000 -v inbox:/data -e INBOX_DATA_DIR=/data inbox
FROM python:3.12-slim AS build
COPY . /src
RUN python -m venv /opt/inbox \
 && /opt/inbox/bin/pip install --no-cache-dir --require-hashes -r /src/requirements/run.txt \
 && /opt/inbox/bin/pip install --no-cache-dir --no-deps /src

FROM python:3.12-slim
COPY --from=build /opt/inbox /opt/inbox
RUN useradd --system inbox && install -d -o inbox -m 0700 /data
USER inbox
ENV PATH=/opt/inbox/bin:$PATH INBOX_HOST=0.0.0.0
EXPOSE 8000
VOLUME /data
HEALTHCHECK --interval=5s --timeout=4s --start-period=30s \
    CMD ["python", "-c", "import http.client, os; port = os.getenv('INBOX_PORT') or os.getenv('PORT') or '8000'; service = http.client.HTTPConnection('127.0.0.1', int(port), timeout=3); service.request('GET', '/health'); raise SystemExit(service.getresponse().status != 200)"]
CMD ["inbox", "serve"]
