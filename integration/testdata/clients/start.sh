#!/bin/sh
# Starts an order, and moves it on by a resume URL, an event and :resume; prints its output. Needs curl.
#
#   PRANA_SERVER=http://127.0.0.1:8484 PRANA_TOKEN=... sh start.sh ORDER_ID
#
# Every request has a key of its own, so that curl may repeat it: it counts once.
set -eu
order=${1:?order id}
server=${PRANA_SERVER:-http://127.0.0.1:8484}

# ask METHOD PATH [BODY KEY]: prints the answer. One that is an error is a problem document, which says what is wrong.
ask() {
	curl --silent --show-error --fail-with-body --max-time 60 --retry 5 --retry-connrefused \
		--request "$1" --header "Authorization: Bearer ${PRANA_TOKEN:-}" --header 'Content-Type: application/json' \
		${4:+--header "Idempotency-Key: $4" --data "$3"} "$server$2"
}

# member NAME: the text of that name in the JSON on stdin. jq does it better, where there is one.
member() { sed -n "s/.*\"$1\":\"\([^\"]*\)\".*/\1/p" | head -n 1; }

id=$(ask POST /v1/workflows/order/executions "{\"input\":{\"order_id\":\"$order\"}}" "order-$order" | member execution_id)

# Until it waits to be signed. Workflows usually send the URL to whom it is for, in a mail for instance.
until ask GET "/v1/suspensions?execution_id=$id" | grep -q '"node":"signed"'; do sleep 0.1; done
url=$(ask GET "/v1/executions/$id" | member resume_url)
curl --silent --show-error --fail-with-body --output /dev/null --json '{"by":"curl"}' "$url"

# The event and the resume may come before the order waits for them: they are kept.
ask POST /v1/events "{\"type\":\"payment\",\"data\":{\"order_id\":\"$order\",\"amount\":100}}" "payment-$order" >/dev/null
ask POST "/v1/executions/$id:resume" '{"node":"packed","data":{"parcels":2}}' "packed-$order" >/dev/null

# 409 when it is not over after half a minute: ask again.
curl --silent --show-error --fail-with-body --header "Authorization: Bearer ${PRANA_TOKEN:-}" --header 'Prefer: wait=30' "$server/v1/executions/$id/output"
