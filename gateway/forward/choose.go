package forward

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/http/httputil"
	"net/url"
	"os"
	"slices"
	"sync/atomic"
	"time"

	"github.com/wattwerk/wattwerk/access"
	"github.com/wattwerk/wattwerk/internal/phrase"
	"github.com/wattwerk/wattwerk/internal/problem"
)

// rewrite prepares what all attempts have in common.
func (f *Forwarder) rewrite(p *httputil.ProxyRequest) {
	p.SetXForwarded()
	// Who asks is in the voucher; the secrets that proved it stay here. What a
	// browser says of its page was judged by the gateway.
	for _, h := range []string{
		"Authorization", "Cookie", access.VoucherHeader, "Origin", "Sec-Fetch-Site", "Sec-Fetch-Mode", "Sec-Fetch-Dest", "Sec-Fetch-User",
	} {
		p.Out.Header.Del(h)
	}
	p.Out.Host = ""
	// The choice of an instance fills these in; a URL must have them before.
	p.Out.URL.Scheme, p.Out.URL.Host = "http", "chosen.invalid"
}

type outerKey struct{}

// merge keeps every header once: what the module says counts, and what the
// gateway had set is left where the module says nothing.
func merge(resp *http.Response) error {
	if outer, ok := resp.Request.Context().Value(outerKey{}).(http.Header); ok {
		for k := range resp.Header {
			outer.Del(k)
		}
	}
	return nil
}

// Reasons nothing was answered.
var (
	errNone    = errors.New("no process runs it")
	errRefused = errors.New("it does not believe who asks: the processes do not meet on the same bus, or their clocks differ")
	errStalled = fmt.Errorf("nothing came for %v", stallTime)
)

// bodyError is the fault of the sender.
type bodyError struct{ error }

func (e bodyError) Unwrap() error { return e.error }

// chooser is the transport of the proxy: it chooses an instance, and another
// when that does not answer and it does no harm.
type chooser Forwarder

// RoundTrip gives the first answer.
func (c *chooser) RoundTrip(r *http.Request) (*http.Response, error) {
	f := (*Forwarder)(c)
	a := attempts{forwarder: f, request: r, tried: make(map[string]bool)}
	a.held, a.isHeld = r.Context().Value(heldKey{}).([]byte)
	a.harmless = a.isHeld || r.Method == http.MethodGet || r.Method == http.MethodHead || r.Method == http.MethodOptions
	if !a.isHeld && r.Body != nil && r.Body != http.NoBody {
		a.body = &body{ReadCloser: r.Body}
	}
	patience := time.NewTimer(f.opts.Wait)
	defer patience.Stop()
	last := errNone
	for {
		changed := f.opts.Instances.Changed()
		for at := a.next(); at != ""; at = a.next() {
			resp, err, once := a.try(at)
			if err == nil {
				return resp, nil
			}
			if r.Context().Err() != nil || !once {
				return nil, err
			}
			last = err
			f.repeated.Inc()
		}
		clear(a.tried)
		retry := time.NewTimer(again)
		select {
		case <-changed:
		case <-retry.C: // one may have come back at the same address
		case <-patience.C:
			retry.Stop()
			return nil, unansweredError{last}
		case <-r.Context().Done():
			retry.Stop()
			return nil, r.Context().Err()
		}
		retry.Stop()
	}
}

// unansweredError says that no instance did anything with the request.
type unansweredError struct{ error }

func (e unansweredError) Unwrap() error { return e.error }

// attempts are those for one request.
type attempts struct {
	forwarder *Forwarder
	request   *http.Request
	held      []byte
	isHeld    bool
	harmless  bool  // may be answered twice
	body      *body // nil: none, or held
	tried     map[string]bool
	sent      int // how often something of it was sent, and not answered
}

// next gives an instance that was not tried, empty when there is none. Those
// that refused connections just now come last.
func (a *attempts) next() string {
	f := a.forwarder
	all := f.opts.Instances.URLs()
	if len(all) == 0 {
		return ""
	}
	if f.opts.Spread {
		first := int(f.turn.Add(1) % uint64(len(all)))
		all = slices.Concat(all[first:], all[:first])
	}
	all = slices.DeleteFunc(all, func(u string) bool { return a.tried[u] })
	if len(all) == 0 {
		return ""
	}
	now := time.Now()
	f.mu.Lock()
	defer f.mu.Unlock()
	for u, until := range f.out {
		if now.After(until) {
			delete(f.out, u)
		}
	}
	for _, u := range all {
		if _, out := f.out[u]; !out {
			return u
		}
	}
	return all[0]
}

// others tells whether an instance is left that was not tried.
func (a *attempts) others() bool {
	return slices.ContainsFunc(a.forwarder.opts.Instances.URLs(), func(u string) bool { return !a.tried[u] })
}

func (f *Forwarder) leaveOut(at string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.out[at] = time.Now().Add(leftOut)
}

// try sends the request to an instance. When it fails, once tells whether it
// may be sent to another.
func (a *attempts) try(at string) (resp *http.Response, err error, once bool) { //nolint:revive // the error is about the answer
	a.tried[at] = true
	base, err := url.Parse(at)
	if err != nil || base.Host == "" {
		return nil, fmt.Errorf("its address %q is none", at), true
	}
	var connected atomic.Bool
	ctx, cancel := context.WithCancelCause(httptrace.WithClientTrace(a.request.Context(), &httptrace.ClientTrace{
		GotConn: func(httptrace.GotConnInfo) { connected.Store(true) },
	}))
	out := a.request.Clone(ctx)
	out.URL.Scheme, out.URL.Host = base.Scheme, base.Host
	switch {
	case a.isHeld && len(a.held) > 0:
		out.Body = io.NopCloser(bytes.NewReader(a.held))
		out.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(a.held)), nil }
		out.ContentLength = int64(len(a.held))
	case a.body != nil:
		out.Body = a.body
	default:
		out.Body, out.ContentLength = http.NoBody, 0
	}
	who, _ := access.From(a.request.Context())
	out.Header.Set(access.VoucherHeader, a.forwarder.opts.Notary.Vouch(who, out.Method, out.URL.RequestURI()))
	resp, err = a.forwarder.transport.RoundTrip(out)
	switch {
	case err != nil:
		cancel(nil)
		if a.body != nil {
			if failed := a.body.failed.Load(); failed != nil {
				return nil, *failed, false
			}
		}
		if a.request.Context().Err() == nil {
			a.forwarder.leaveOut(at)
		}
		if !connected.Load() {
			return nil, err, true // nothing can have been sent, whatever went wrong
		}
		// One that is not answered in time, or breaks whatever takes it, is not
		// tried for ever.
		a.sent++
		return nil, err, a.harmless && a.sent < mostSent && !isTimeout(err)
	case resp.Header.Get(access.VoucherHeader) != "":
		// Refused before anything was done.
		discard(resp)
		cancel(nil)
		a.forwarder.leaveOut(at)
		a.forwarder.log.Error("an instance does not accept this process", "module", a.forwarder.opts.Module, "instance", at, "error", errRefused)
		return nil, errRefused, a.body == nil
	case resp.StatusCode == http.StatusServiceUnavailable && a.harmless && a.others():
		// It may be stopping, or only its disk be full.
		discard(resp)
		cancel(nil)
		return nil, errors.New(resp.Status), true
	}
	resp.Body = &answer{ReadCloser: resp.Body, cancel: cancel}
	return resp, nil, false
}

func isTimeout(err error) bool {
	var t interface{ Timeout() bool }
	return errors.As(err, &t) && t.Timeout()
}

// discard reads a short answer to its end, so that the connection stays.
func discard(resp *http.Response) {
	_, _ = io.CopyN(io.Discard, resp.Body, 64<<10)
	_ = resp.Body.Close()
}

// body is a request's body that outlives an attempt in which nothing was sent.
type body struct {
	io.ReadCloser
	failed atomic.Pointer[bodyError]
}

// Read reads, and keeps what went wrong.
func (b *body) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		b.failed.Store(&bodyError{err})
	}
	return n, err
}

// Close does nothing: the proxy closes what it was given.
func (b *body) Close() error { return nil }

// answer is a body that must not stall.
type answer struct {
	io.ReadCloser
	cancel context.CancelCauseFunc
}

// Read reads, for a bounded time.
func (b *answer) Read(p []byte) (int, error) {
	t := time.AfterFunc(stallTime, func() { b.cancel(errStalled) })
	defer t.Stop()
	return b.ReadCloser.Read(p)
}

// Close ends the request.
func (b *answer) Close() error {
	err := b.ReadCloser.Close()
	b.cancel(nil)
	return err
}

// fail answers when no instance did.
func (f *Forwarder) fail(w http.ResponseWriter, r *http.Request, err error) {
	var sender bodyError
	var unanswered unansweredError
	name := "the module " + f.opts.Module
	switch {
	case errors.As(err, &sender):
		failBody(w, err)
	case r.Context().Err() != nil:
		// Whoever asked is gone, or this process ends.
		f.none(w, "the request was given up before "+name+" answered")
	case errors.As(err, &unanswered), errors.Is(err, errRefused):
		f.log.Warn("request not answered", "module", f.opts.Module, "error", err)
		f.none(w, name+" cannot be reached: "+f.why(err))
	case isTimeout(err):
		f.unanswered.Inc()
		f.log.Warn("request not answered", "module", f.opts.Module, "error", err)
		problem.WriteAs(w, http.StatusGatewayTimeout, phrase.ModuleSlow, name+" did not answer in time; it is not known whether it did what was asked")
	default:
		f.unanswered.Inc()
		f.log.Warn("request not answered", "module", f.opts.Module, "error", err)
		problem.WriteAs(w, http.StatusBadGateway, phrase.ModuleBroke, "the connection to "+name+" broke before it answered; it is not known whether it did what was asked")
	}
}

// why tells a stranger no addresses.
func (f *Forwarder) why(err error) string {
	switch {
	case errors.Is(err, errNone), errors.Is(err, errRefused):
		return err.Error()
	}
	return "the processes that run it do not answer"
}

// failBody answers when the sender's body could not be read, in the words of
// those who read it otherwise.
func failBody(w http.ResponseWriter, err error) {
	var large *http.MaxBytesError
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		problem.Write(w, http.StatusRequestTimeout, "read the body: it took too long")
	case errors.As(err, &large):
		problem.Write(w, http.StatusRequestEntityTooLarge, "read the body: "+err.Error())
	default:
		problem.Write(w, http.StatusBadRequest, "read the body: "+err.Error())
	}
}
