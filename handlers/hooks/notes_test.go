package hooks

import (
	"context"
	"strconv"
	"sync"

	"prana/engine/flow"
)

// notes keeps deliveries, the last one last.
type notes struct {
	mu  sync.Mutex
	all []flow.Delivery
	err error
}

func (n *notes) NoteDelivery(_ context.Context, d flow.Delivery) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	d.ID = strconv.Itoa(len(n.all))
	n.all = append(n.all, d)
	return n.err
}

func (n *notes) Deliveries(_ context.Context, f flow.DeliveryFilter) (flow.Page[flow.Delivery], error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	var p flow.Page[flow.Delivery]
	for _, d := range n.all {
		if d.Hook == f.Hook && (d.Outcome == flow.DeliveryRefused) == f.Refused {
			p.Items = append(p.Items, d)
		}
	}
	return p, nil
}

func (n *notes) Delivery(_ context.Context, hook, id string) (flow.Delivery, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, d := range n.all {
		if d.Hook == hook && d.ID == id {
			return d, nil
		}
	}
	return flow.Delivery{}, flow.NotFound("delivery", id)
}

func (n *notes) CountDeliveries(_ context.Context, hooks []string) ([]flow.DeliveryCounts, error) {
	return make([]flow.DeliveryCounts, len(hooks)), nil
}

func (n *notes) last() flow.Delivery {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.all[len(n.all)-1]
}
