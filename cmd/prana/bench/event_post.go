package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"
)

// EventPost is the time from sending an event by HTTP to the start of the node after the wait that it ends.
type EventPost struct {
	Samples int     `json:"samples"`
	P50     float64 `json:"p50_ms"`
	P99     float64 `json:"p99_ms"`
}

var eventPost = measurement{
	name: "event_post", measure: measureEventPost, lines: eventPostLines,
	about: "from posting an event to the API until the node after its wait starts, on an idle system",
}

func measureEventPost(ctx context.Context, b *bench, r *Report) error {
	times, err := b.oneByOne(ctx, "event_post", postOne)
	if err != nil {
		return err
	}
	p := spectrumOf(times)
	r.EventPost = EventPost{Samples: len(times), P50: p.P50, P99: p.P99}
	return nil
}

// postOne posts the event of one execution.
func postOne(ctx context.Context, p *process, w waiter) (time.Duration, error) {
	event := eventOf(w)
	body, err := json.Marshal(map[string]any{"type": event.Type, "data": event.Data})
	if err != nil {
		return 0, err
	}
	began := time.Now()
	if err := post(ctx, p.URL()+"/v1/events", body); err != nil {
		return 0, err
	}
	if err := p.await(ctx, w.execution); err != nil {
		return 0, err
	}
	return p.started.Load().Sub(began), nil
}

func post(ctx context.Context, url string, body []byte) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode != http.StatusAccepted {
		err = fmt.Errorf("an event was answered with %s: %s", res.Status, answer)
	}
	return err
}

func eventPostLines(r Report) []Line {
	return []Line{{Of: "until the next node starts", Result: Spectrum{r.EventPost.P50, r.EventPost.P99}.String()}}
}
