package app

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"prana/handlers/hooks"
)

// postTime bounds one delivery of an alert.
const postTime = 15 * time.Second

// post sends an alert, signed as Standard Webhooks have it; its id makes it
// count once at the receiver.
func (a *App) post(ctx context.Context, url, id string, body []byte) error {
	ctx, cancel := context.WithTimeout(ctx, postTime)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("posting an alert: %w", err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("webhook-id", id)
	if s := a.o.Config.OnRetryExhausted.Secret; s.IsSet() {
		secret, err := hooks.ParseSecret(s.Reveal())
		if err != nil {
			return fmt.Errorf("posting an alert: %w", err)
		}
		now := strconv.FormatInt(time.Now().Unix(), 10)
		req.Header.Set("webhook-timestamp", now)
		req.Header.Set("webhook-signature", "v1,"+sign(secret, id+"."+now+".", body))
	}
	res, err := a.egress.Do(req)
	if err != nil {
		return fmt.Errorf("posting an alert: %w", err)
	}
	defer res.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, 1<<16)) // so that the connection can be used again
	if res.StatusCode >= 300 {
		return fmt.Errorf("posting an alert: the receiver answered %s", res.Status)
	}
	return nil
}

func sign(secret []byte, head string, body []byte) string {
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(head))
	mac.Write(body)
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}
