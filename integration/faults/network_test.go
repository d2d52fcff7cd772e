package faults

import (
	"testing"
	"time"

	"prana/config/localredis"
	"prana/integration/faults/fleet"
	"prana/integration/faults/proxy"
)

// behind gives the options of a fleet whose processes reach Redis by the network.
func (p *part) behind(n **proxy.Proxy, o fleet.Options) fleet.Options {
	o.Redis = func(r *localredis.Server) (string, error) {
		made, err := proxy.New(r.Network(), r.Addr(), p.seed)
		if err != nil {
			return "", err
		}
		p.Cleanup(func() {
			if err := made.Close(); err != nil {
				p.Errorf("ending the network: %v", err)
			}
		})
		*n = made
		return made.URL, nil
	}
	return o
}

// TestLossyNetwork runs executions over a network that does each of its faults to one in a hundred: of connections, requests and replies.
func TestLossyNetwork(t *testing.T) {
	t.Parallel()
	p := begin(t)
	var network *proxy.Proxy
	f := p.fleet(p.behind(&network, fleet.Options{Workers: 3, Servers: 2, Partitions: 2}))
	network.Late(0, 500*time.Millisecond)
	network.Set(proxy.Odds{proxy.Refuse: 0.01, proxy.Swallow: 0.01, proxy.Lose: 0.01, proxy.Cut: 0.01, proxy.Delay: 0.01})
	l := p.load(f, loadOptions{Executions: p.size(200, 10_000), Programs: p.size(40, 200)})
	took := l.await(time.Duration(p.size(2, 20)) * time.Minute)
	c := network.Counts()
	network.Set(nil)
	l.check()
	p.tell("all had ended after the last start within", took.Seconds(), "s")
	p.tell("requests", float64(c.Requests), "")
	for fault, least := range map[proxy.Fault]int{proxy.Refuse: 1, proxy.Swallow: 50, proxy.Lose: 50, proxy.Cut: 50, proxy.Delay: 50} {
		p.want("faults: "+string(fault), float64(c.Faults[fault]), "", "≥", float64(p.size(least, 20*least)))
	}
	p.wantSound(f)
}

// TestSlowNetwork runs executions while every reply comes 200 ms later, plus or minus as much.
func TestSlowNetwork(t *testing.T) {
	t.Parallel()
	p := begin(t)
	var network *proxy.Proxy
	f := p.fleet(p.behind(&network, fleet.Options{Workers: 3, Servers: 1}))
	network.Late(0, 400*time.Millisecond)
	network.Set(proxy.Odds{proxy.Delay: 1})
	l := p.load(f, loadOptions{Executions: p.size(10, 150), Programs: p.size(3, 50)})
	took := l.await(time.Duration(p.size(2, 5)) * time.Minute)
	c := network.Counts()
	v, family := l.check(), float64(len(l.ends()))
	p.tell("all had ended after the last start within", took.Seconds(), "s")
	p.tell("requests", float64(c.Requests), "")
	p.want("requests a second of each process, waiting ones included", float64(c.Requests)/time.Since(p.began).Seconds()/4, "", "≤", 200)
	p.want("replies delayed", float64(c.Faults[proxy.Delay]), "", "≥", 10*family)
	p.want("calls repeated, of a hundred", 100*float64(len(v.repeats))/family, "", "≤", 1)
	p.wantSound(f)
}
