package cli

import (
	"prana/engine/definition"
	"prana/handlers/api/client"
)

// webhook tells where a workflow that was just published takes its requests, if it has a trigger for them.
func (sh *shell) webhook(c *client.Client, s source) {
	w, _, _ := definition.Read(s.file, s.text)
	if w == nil {
		return
	}
	for _, n := range w.Nodes {
		if path, _ := n.Params["path"].(string); n.Type == "http.webhook_trigger" {
			sh.note("%s takes webhooks at %s", w.ID, c.URL("/webhook/"+w.ID+path))
		}
	}
}
