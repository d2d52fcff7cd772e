"""Starts an order, and moves it on by a resume URL, an event and :resume; prints its output. Needs Python 3.8.

    PRANA_SERVER=http://127.0.0.1:8484 PRANA_TOKEN=... python3 start.py ORDER_ID
"""

import json
import os
import sys
import time
import urllib.error
import urllib.request

SERVER = os.environ.get("PRANA_SERVER", "http://127.0.0.1:8484")
TOKEN = os.environ.get("PRANA_TOKEN", "")


class Problem(Exception):
    """An answer that is a problem document: status, code, detail, and what else it says."""

    def __init__(self, status, document):
        super().__init__(f"{status} {document.get('code')}: {document.get('detail')}")
        self.status, self.document = status, document


def ask(method, path, body=None, key=None, **headers):
    """Asks the server. A request that changes nothing, or counts once by its key, is repeated while that may help."""
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    if TOKEN:
        headers["Authorization"] = "Bearer " + TOKEN
    if key:
        headers["Idempotency-Key"] = key
    for pause in (0.2, 1, 3, None):
        try:
            return send(method, SERVER + path, body, headers)
        except Problem as problem:
            if pause is None or problem.status not in (502, 503, 504):
                raise
        except OSError:  # no answer came
            if pause is None or not (key or method == "GET"):
                raise
        time.sleep(pause)


def send(method, url, body=None, headers=None):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json", **(headers or {})}, method=method)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            raw = error.read()
        try:
            document = json.loads(raw)
        except ValueError:  # somebody in between
            document = {"code": "http_%d" % error.code, "detail": error.reason}
        raise Problem(error.code, document) from None


def waiting(execution, node):
    """Gives the execution as soon as it waits at the node."""
    while True:
        x = ask("GET", "/v1/executions/" + execution)
        if any(s["node"] == node for s in x["suspensions"]):
            return x
        if x["status"] not in ("pending", "running", "suspended"):
            raise SystemExit(f"execution {execution} is {x['status']}: {x.get('error')}")
        time.sleep(0.1)


def main(order):
    start = {"input": {"order_id": order}}
    execution = ask("POST", "/v1/workflows/order/executions", start, key=f"order-{order}")["execution_id"]

    # Workflows usually send the URL to whom it is for, in a mail for instance. It is good once, and needs no token.
    nodes = {run["node"]: run for run in waiting(execution, "signed")["nodes"]}
    send("POST", nodes["links"]["output"]["resume_url"], {"by": "python"})

    # The event and the resume may come before the order waits for them: they are kept.
    payment = {"type": "payment", "data": {"order_id": order, "amount": 100}}
    ask("POST", "/v1/events", payment, key=f"payment-{order}")
    ask("POST", f"/v1/executions/{execution}:resume", {"node": "packed", "data": {"parcels": 2}}, key=f"packed-{order}")

    # 409 when it is not over after half a minute: ask again.
    print(json.dumps(ask("GET", f"/v1/executions/{execution}/output", Prefer="wait=30")))


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    try:
        main(sys.argv[1])
    except (Problem, OSError) as error:
        raise SystemExit(f"start.py: {error}")
