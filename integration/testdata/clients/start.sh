#!/bin/sh
# Starts an order, and moves it on by a resume URL, an event and :resume; prints its output. Needs curl.
#
#   PRANA_SERVER=http://127.0.0.1:8484 PRANA_TOKEN=... sh start.sh ORDER_ID
#
# Every request has a key of its own, so that curl may repeat it: it counts once.
set -eu
order=${1:?order id}
server=${PRANA_SERVER:-http://127.0.0.1:8484}

# token: curl reads it from stdin, because everybody on the machine sees arguments.
token() { [ -z "${PRANA_TOKEN:-}" ] || printf 'header = "Authorization: Bearer %s"\n' "$PRANA_TOKEN"; }

# ask METHOD PATH [BODY KEY]: prints the answer. One that is an error is a problem document, which says what is wrong.
ask() {
	answer=$(token | curl --config - --silent --show-error --fail-with-body --max-time 60 --retry 3 --retry-connrefused \
		--request "$1" --header 'Content-Type: application/json' ${seconds:+--header "Prefer: wait=$seconds"} \
		${4:+--header "Idempotency-Key: $4" --data "$3"} "$server$2") || {
		echo "start.sh: $1 $2: $answer" >&2
		return 1
	}
	printf '%s\n' "$answer"
}

# member NAME JSON: the text of that name. jq does it better, where there is one.
member() { printf '%s' "$2" | sed -n "s/.*\"$1\":\"\([^\"]*\)\".*/\1/p"; }

started=$(ask POST /v1/workflows/order/executions "{\"input\":{\"order_id\":\"$order\"}}" "order-$order")
id=$(member execution_id "$started")

# Until it waits to be signed. Workflows usually send the URL to whom it is for, in a mail for instance.
waits= tries=0
until printf '%s' "$waits" | grep -q '"node":"signed"'; do
	tries=$((tries + 1))
	[ $tries -le 300 ] || {
		echo "start.sh: execution $id does not wait to be signed" >&2
		exit 1
	}
	sleep 0.1
	waits=$(ask GET "/v1/suspensions?execution_id=$id")
done
shown=$(ask GET "/v1/executions/$id")
curl --silent --show-error --fail-with-body --max-time 60 --output /dev/null --json '{"by":"curl"}' "$(member resume_url "$shown")"

# The event and the resume may come before the order waits for them: they are kept.
ask POST /v1/events "{\"type\":\"payment\",\"data\":{\"order_id\":\"$order\",\"amount\":100}}" "payment-$order" >/dev/null
ask POST "/v1/executions/$id:resume" '{"node":"packed","data":{"parcels":2}}' "packed-$order" >/dev/null

# 409 when it is not over after half a minute: ask again.
seconds=30 ask GET "/v1/executions/$id/output"
