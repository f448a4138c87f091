package web

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"mime"
	"net/http"
	"net/http/httputil"
	"net/url"
	"path"
	"regexp"
	"strings"
	"time"

	"github.com/wattwerk/wattwerk/internal/problem"
)

// The glob takes ui/dist too when it has been built, and never fails.
//
//go:embed all:ui/dist*
var embedded embed.FS

const (
	built = "ui/dist"
	stub  = "ui/dist.stub"
)

// Options say what to serve.
type Options struct {
	Dev string // URL of a Vite server to pass everything on to, for work on the pages; empty: the embedded ones
}

// New makes the handler of all pages. It answers GET and HEAD.
func New(o Options) (http.Handler, error) {
	if o.Dev != "" {
		return dev(o.Dev)
	}
	root := built
	if !Built() {
		root = stub
	}
	files, err := fs.Sub(embedded, root)
	if err != nil {
		return nil, fmt.Errorf("open the pages: %w", err)
	}
	return newSite(files)
}

// Built tells whether the application is embedded, not only the stub.
func Built() bool {
	_, err := fs.Stat(embedded, built+"/index.html")
	return err == nil
}

// site is a set of files, all in memory.
type site struct{ files map[string]*file }

type file struct {
	kind   string // media type
	cache  string
	link   string // what the page is going to need; for browsers and proxies that fetch it before they have read the page
	plain  variant
	brotli *variant
	gzip   *variant
}

type variant struct {
	data []byte
	etag string
}

func newSite(root fs.FS) (*site, error) {
	s := &site{files: make(map[string]*file)}
	packed := make(map[string][]byte)
	err := fs.WalkDir(root, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := fs.ReadFile(root, name)
		if err != nil {
			return err
		}
		if ext := path.Ext(name); ext == ".br" || ext == ".gz" {
			packed[name] = data
			return nil
		}
		kind := mime.TypeByExtension(path.Ext(name))
		if path.Ext(name) == ".webmanifest" {
			kind = "application/manifest+json"
		}
		if kind == "" {
			kind = "application/octet-stream"
		}
		f := &file{kind: kind, cache: "no-cache", plain: newVariant(data)}
		// Vite puts a hash into the name of everything below assets.
		if strings.HasPrefix(name, "assets/") {
			f.cache = "public, max-age=31536000, immutable"
		}
		s.files[name] = f
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("open the pages: %w", err)
	}
	for name, data := range packed {
		f := s.files[strings.TrimSuffix(name, path.Ext(name))]
		if f == nil {
			continue
		}
		v := newVariant(data)
		if path.Ext(name) == ".br" {
			f.brotli = &v
		} else {
			f.gzip = &v
		}
	}
	page := s.files["index.html"]
	if page == nil {
		return nil, errors.New("open the pages: there is no index.html")
	}
	page.link = links(page.plain.data)
	return s, nil
}

// needed finds the scripts and styles that Vite writes into the page.
var needed = regexp.MustCompile(`<(?:script type="module" crossorigin src|link rel="(modulepreload|stylesheet)" crossorigin href)="(\./assets/[\w.~-]+)">`)

// links makes the value of a Link header of what a page loads at once.
func links(page []byte) string {
	var out []string
	for _, m := range needed.FindAllSubmatch(page, -1) {
		how := "modulepreload"
		if string(m[1]) == "stylesheet" {
			how = "preload; as=style"
		}
		out = append(out, fmt.Sprintf("<%s>; rel=%s; crossorigin", m[2], how))
	}
	return strings.Join(out, ", ")
}

func newVariant(data []byte) variant {
	h := sha256.Sum256(data)
	return variant{data: data, etag: `"` + hex.EncodeToString(h[:12]) + `"`}
}

// ServeHTTP answers with a file. The application keeps its place behind the #,
// so no other path leads to it; a browser that was sent to one is led there.
func (s *site) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name := strings.TrimPrefix(r.URL.Path, "/")
	if name == "" {
		name = "index.html"
	}
	f := s.files[name]
	if f == nil && typed(r) {
		h := w.Header()
		h.Set("Location", behindHash(r.URL))
		h.Set("Vary", "Accept")
		w.WriteHeader(http.StatusSeeOther)
		return
	}
	if f == nil {
		problem.Write(w, http.StatusNotFound, "there is nothing at "+r.URL.Path)
		return
	}
	h := w.Header()
	h.Set("Content-Type", f.kind)
	h.Set("Cache-Control", f.cache)
	if f.link != "" {
		h.Set("Link", f.link)
	}
	v := &f.plain
	if f.brotli != nil || f.gzip != nil {
		h.Set("Vary", "Accept-Encoding")
		accept := r.Header.Get("Accept-Encoding")
		switch {
		case f.brotli != nil && accepts(accept, "br"):
			v = f.brotli
			h.Set("Content-Encoding", "br")
		case f.gzip != nil && accepts(accept, "gzip"):
			v = f.gzip
			h.Set("Content-Encoding", "gzip")
		}
	}
	h.Set("ETag", v.etag)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(v.data))
}

// typed tells whether somebody entered an address that looks like one of a page.
func typed(r *http.Request) bool {
	p := r.URL.Path
	return (r.Method == http.MethodGet || r.Method == http.MethodHead) && strings.Contains(r.Header.Get("Accept"), "text/html") &&
		path.Clean(p) == p && path.Ext(p) == "" && !strings.HasPrefix(p, "/api/") && !strings.HasPrefix(p, "/assets/")
}

// behindHash gives the address of a page, relative: a proxy may have taken away
// what stands in front.
func behindHash(u *url.URL) string {
	up := strings.Repeat("../", strings.Count(u.EscapedPath(), "/")-1)
	if up == "" {
		up = "./"
	}
	to := up + "#" + u.EscapedPath()
	if u.RawQuery != "" {
		to += "?" + u.RawQuery
	}
	return to
}

// accepts reads an Accept-Encoding header.
func accepts(header, encoding string) bool {
	for part := range strings.SplitSeq(header, ",") {
		name, params, _ := strings.Cut(part, ";")
		if strings.EqualFold(strings.TrimSpace(name), encoding) {
			q := strings.ReplaceAll(params, " ", "")
			return q != "q=0" && !strings.HasPrefix(q, "q=0.0")
		}
	}
	return false
}

// dev passes everything on to Vite, web sockets included.
func dev(address string) (http.Handler, error) {
	to, err := url.Parse(address)
	if err != nil || to.Host == "" {
		return nil, fmt.Errorf("open the pages: the Vite server %q is not a URL such as http://127.0.0.1:5173", address)
	}
	return &httputil.ReverseProxy{
		Rewrite: func(p *httputil.ProxyRequest) { p.SetURL(to) },
		ModifyResponse: func(res *http.Response) error {
			// Vite puts scripts into the page, which the policy forbids.
			res.Header.Set("Content-Security-Policy", "frame-ancestors 'none'")
			return nil
		},
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, err error) {
			problem.Write(w, http.StatusBadGateway, "Vite does not answer at "+address+": "+err.Error())
		},
	}, nil
}
