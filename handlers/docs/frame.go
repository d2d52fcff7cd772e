package docs

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"html/template"
	"net/http"
	"slices"
	"time"

	"prana/handlers/api/wire"
)

const htmlType = "text/html; charset=utf-8"

var (
	//go:embed page.html
	frameSource string
	//go:embed page.css
	style string

	frame = template.Must(template.New("page").Parse(frameSource))
	// Nothing is ever loaded, and nothing runs.
	policy = wire.PagePolicy(style, "'none'")
)

func secure(h http.Header) { wire.SecurePage(h, policy) }

// frame puts a page into what all have: its contents to the left, and the way on below.
func (b *book) frame(p *page, body []byte) ([]byte, error) {
	var all []*page
	if index := b.pages[home]; index != nil {
		all = append(all, index)
	}
	for _, c := range b.order {
		all = append(all, c.Pages...)
	}
	data := map[string]any{
		"Style": template.CSS(style), "Page": p, "Chapters": b.order, "Home": b.pages[home],
		"Body": template.HTML(widened(body)), // rendered without any HTML of its source
	}
	if i := slices.Index(all, p); i >= 0 && i+1 < len(all) {
		data["Next"] = all[i+1]
	}
	var out bytes.Buffer
	err := frame.Execute(&out, data)
	return out.Bytes(), err
}

// content is an answer that stays the same for as long as the program runs.
type content struct {
	mediaType, etag string
	body            []byte
}

func newContent(mediaType string, body []byte) content {
	sum := sha256.Sum256(body)
	return content{mediaType, `"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`, body}
}

func (c content) write(w http.ResponseWriter, r *http.Request) {
	secure(w.Header())
	w.Header().Set("Content-Type", c.mediaType)
	w.Header().Set("Cache-Control", "no-cache") // another version of the program has other pages
	w.Header().Set("ETag", c.etag)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(c.body))
}
