package api

import (
	"net/http"
	"time"

	"prana/engine/flow"
	"prana/handlers/api/wire"
)

// maxTTL is as long as any delay: 400 days.
const maxTTL = 400 * 24 * time.Hour

func (a *api) publish(w http.ResponseWriter, r *http.Request) error {
	e, dry, err := eventOf(r)
	if err != nil {
		return err
	}
	if e.Type == "" {
		return invalid("an event needs a type")
	}
	if dry {
		preview, err := a.Engine.DryRun(r.Context(), e)
		if err != nil {
			return err
		}
		return respond(w, http.StatusOK, preview)
	}
	res, err := a.Engine.Publish(r.Context(), e)
	if err != nil {
		return err
	}
	if res.Executions == nil {
		res.Executions = []string{}
	}
	replayed(w, res.Repeated)
	return respond(w, http.StatusAccepted, res)
}

// eventOf reads an event in one of its three forms. dry: only what it would do is asked for.
func eventOf(r *http.Request) (e flow.Event, dry bool, err error) {
	switch {
	case mediaType(r) == "application/cloudevents+json":
		e, err = structuredEvent(r)
	case mediaType(r) == "application/cloudevents-batch+json":
		err = flow.Problemf("unsupported_media_type", "batches of CloudEvents are not read here; send them one by one")
	case r.Header.Get("Ce-Specversion") != "":
		e, err = binaryEvent(r)
	default:
		return plainEvent(r)
	}
	return e, false, err
}

func plainEvent(r *http.Request) (e flow.Event, dry bool, err error) {
	var b wire.Event
	if err := decode(r, &b, false); err != nil {
		return flow.Event{}, false, cloudy(err)
	}
	id, err := keyOf(r, b.ID)
	if err != nil {
		return flow.Event{}, false, err
	}
	ttl, err := ttlOf(b.TTLMS)
	if b.Limit < 0 {
		err = invalid("limit is %d; it must be 0 (all) or more", b.Limit)
	}
	return flow.Event{
		ID: id, Type: b.Type, Data: b.Data, TTL: ttl, Keep: b.Keep, Limit: b.Limit, Trace: traceOf(r),
	}, b.DryRun, err
}

// ttlOf says it in the words of flow.Event: absent is the default, 0 is not kept.
func ttlOf(ms *int64) (time.Duration, error) {
	switch {
	case ms == nil:
		return 0, nil
	case *ms < 0 || *ms > maxTTL.Milliseconds():
		return 0, invalid("ttl_ms is %d; it must be from 0 to %d", *ms, maxTTL.Milliseconds())
	case *ms == 0:
		return -1, nil
	}
	return time.Duration(*ms) * time.Millisecond, nil
}
