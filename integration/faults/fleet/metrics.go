package fleet

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"prana/integration/proc"
)

// Metric reads a metric of a process that serves HTTP, summed over its labels; 0 when there was nothing to count yet.
func Metric(ctx context.Context, p *proc.Process, name string) (sum float64, err error) {
	res, err := metrics(ctx, p)
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	lines := bufio.NewScanner(res.Body)
	for lines.Scan() {
		rest, ok := strings.CutPrefix(lines.Text(), name)
		if !ok || rest == "" || rest[0] != '{' && rest[0] != ' ' {
			continue
		}
		v, err := strconv.ParseFloat(rest[strings.LastIndexByte(rest, ' ')+1:], 64)
		if err != nil {
			return 0, err
		}
		sum += v
	}
	return sum, lines.Err()
}

// Clock reads the time that a process which serves HTTP takes it to be, in whole seconds.
func Clock(ctx context.Context, p *proc.Process) (time.Time, error) {
	res, err := metrics(ctx, p)
	if err != nil {
		return time.Time{}, err
	}
	defer res.Body.Close()
	return http.ParseTime(res.Header.Get("Date"))
}

func metrics(ctx context.Context, p *proc.Process) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.URL+"/metrics", http.NoBody)
	if err != nil {
		return nil, err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	if res.StatusCode != http.StatusOK {
		res.Body.Close()
		return nil, fmt.Errorf("asking for metrics: %s", res.Status)
	}
	return res, nil
}
